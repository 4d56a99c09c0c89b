"""Size and rank of a process, from the variables of a launcher."""

import pytest
from support.commands import refused
from support.messages import assert_names

from genkit.launched import is_main_process


@pytest.mark.parametrize(
    ("variables", "prints"),
    [
        ({}, True),
        ({"RANK": "1"}, True),  # set by a cluster, without a launcher
        ({"RANK": "1", "WORLD_SIZE": "1"}, True),
        ({"RANK": "1", "WORLD_SIZE": "junk"}, True),
        ({"RANK": "0", "WORLD_SIZE": "2"}, True),
        ({"RANK": "1", "WORLD_SIZE": "2"}, False),
    ],
)
def test_a_process_is_silent_only_as_one_of_several(monkeypatch, variables, prints):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_main_process() is prints


def test_a_command_prints_its_error_where_only_a_rank_is_set(monkeypatch, isolated):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("RANK", "1")
    assert_names(refused("plan", "nowhere.toml"), "nowhere.toml: ")
