"""Built-in optimisers, for the tables [optimiser.CHILD] of a recipe.

A new optimiser is a file here, and one line in `genkit/parts/builtin.py`.
"""
