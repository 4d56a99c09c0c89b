"""Built-in networks, for the table [model] of a recipe."""
