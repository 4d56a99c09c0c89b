"""Training objectives that a recipe names in [loss]."""
