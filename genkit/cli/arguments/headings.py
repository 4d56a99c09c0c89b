"""Headings of ``genkit --help``, each above the commands that are registered with it."""

from __future__ import annotations

TRAIN = "Train a recipe"
LOOK = "Look at a run"
OWN = "Use your own pictures"
SHARE = "Share a model"
TABLES = "Make tables of results"
SET_UP = "Set up and extend"

ORDER = (TRAIN, LOOK, OWN, SHARE, TABLES, SET_UP)
