"""Comparison of runs: recipes, curves, numbers and outputs, on the terminal and as a page."""
