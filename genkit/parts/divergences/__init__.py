"""Built-in divergences between batches of diagonal Gaussians.

A new divergence is a file here, and one line in `genkit/parts/builtin.py`.
"""
