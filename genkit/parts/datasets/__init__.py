"""Data sets, which a recipe names in [data].

A new data set is a file here, and one line in `genkit/parts/builtin.py`.
"""
