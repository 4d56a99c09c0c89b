"""Built-in optimisers, for the tables [optimiser.CHILD] of a recipe."""
