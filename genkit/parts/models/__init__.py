"""Built-in networks, for the table [model] of a recipe.

A new network is a file here, and one line in `genkit/parts/builtin.py`.
"""
