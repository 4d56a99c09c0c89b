"""Tensors to pictures. Knows no run folder."""
