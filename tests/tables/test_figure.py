"""The figure of a table: a panel for each cell."""

from dataclasses import replace

import pytest
from support.messages import assert_names
from support.tables import experiments_in

from genkit.errors import UsageError
from genkit.parts.datasets.digits import Digits
from genkit.tables.figure import check_figure, save_figure
from genkit.tables.read_table import read_table


def test_the_figure_has_a_panel_for_each_cell(table_file, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    path = table_file()
    panels = []
    monkeypatch.setattr("genkit.tables.figure._draw", lambda axes, experiment, runs: panels.append((axes, experiment)))
    save_figure(tmp_path / "f.png", read_table(path), experiments_in(path), tmp_path / "runs")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    grid = [(axes.get_subplotspec().rowspan.start, axes.get_subplotspec().colspan.start) for axes, _ in panels]
    assert grid == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [str(experiment) for _, experiment in panels] == ["a/narrow/0", "a/wide/0", "None", "b/wide/0"]
    assert [axes.get_title() for axes, _ in panels] == ["narrow", "wide 100%", "", ""]
    assert [axes.get_ylabel() for axes, _ in panels] == ["a", "", "B_2", ""]


def refused_figure(function, *arguments):
    with pytest.raises(UsageError) as refused:
        function(*arguments)
    return str(refused.value)


def test_a_figure_of_images_or_of_another_file_type_is_refused(table_file, tmp_path):
    path = table_file()
    experiments = experiments_in(path)
    check_figure(tmp_path / "f.png", experiments)
    for wrong in (tmp_path, tmp_path / "f.txt"):
        assert_names(refused_figure(check_figure, wrong, experiments), f"{wrong}: ", "PNG")
    unwritable = tmp_path / "tiny.toml" / "f.png"
    assert_names(refused_figure(save_figure, unwritable, read_table(path), experiments, tmp_path), f"{unwritable}: ")
    digits = [replace(each, plan=replace(each.plan, data=Digits())) for each in experiments[:1]]
    assert_names(refused_figure(check_figure, tmp_path / "f.png", digits), "a/narrow: ", "density")
