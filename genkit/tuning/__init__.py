"""Searches: many settings of a few keys of a recipe, each trained as a run of its own and compared by one metric."""
