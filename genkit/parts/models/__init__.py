"""Networks that a recipe names in [model]."""
