"""Schedules that a recipe may write in place of a number."""
