"""Built-in reconstruction errors, for the key `error` of the table [model] of a recipe.

A new error is a file here, and one line in `genkit/parts/builtin.py`. The default, `squared`, is
`genkit.core.squared_error`, since a model has it without a recipe too.
"""
