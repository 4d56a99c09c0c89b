"""Built-in divergences between batches of diagonal Gaussians."""
