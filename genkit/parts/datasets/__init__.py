"""Data sets, which a recipe names in [data]."""
