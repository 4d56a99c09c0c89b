"""Headings of ``genkit --help``, each above the commands that are registered with it."""

from __future__ import annotations

TRAIN = "Train a recipe"
LOOK = "Look at a run"
OWN = "Use your own pictures"
TABLES = "Make tables of results"
SET_UP = "Set up and extend"

ORDER = (TRAIN, LOOK, OWN, TABLES, SET_UP)
