"""Built-in training objectives, for the table [loss] of a recipe.

A new loss is a file here, and one line in `genkit/parts/builtin.py`.
"""
