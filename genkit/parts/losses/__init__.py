"""Built-in training objectives, for the table [loss] of a recipe."""
