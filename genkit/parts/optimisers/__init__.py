"""Optimisers that a recipe names in [optimiser.CHILD]."""
