"""Divergences between diagonal Gaussians."""
