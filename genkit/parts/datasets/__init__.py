"""Data sets that a recipe names in [data]."""
