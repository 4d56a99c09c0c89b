"""Suggestions for names that were meant."""

import pytest

from genkit.near_miss import near_miss


def test_close_names_are_suggested_and_otherwise_all_are_listed():
    assert "beta_neg" in near_miss("bta_neg", ["beta_neg", "beta_rec"]) and "?" in near_miss("bta_neg", ["beta_neg"])
    assert near_miss("zzz", ["b", "a"]).strip() == "Known: a, b."
    assert near_miss("zzz", []) == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bta", "beta_kl or beta_neg or beta_rec"),  # equally near: all of them
        ("bta_neg", "beta_neg"),
        ("BETA-KL", "beta_kl"),
        ("warmup", "warmup_steps"),
        ("wramup_stesp", "warmup_steps"),
        ("widht", "width"),
    ],
)
def test_the_nearest_names_are_suggested(name, meant):
    known = ["warmup_steps", "beta_rec", "beta_kl", "beta_neg", "c", "pair", "width"]
    assert near_miss(name, known) == f" Did you mean {meant}?"


@pytest.mark.parametrize("name", ["x", "step", "pears", "gamma", "z" * 5_000])
def test_names_that_are_not_near_are_not_suggested(name):
    assert near_miss(name, ["c", "pair", "warmup_steps"]).startswith(" Known: c, pair")
