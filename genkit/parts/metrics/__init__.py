"""Metrics that a recipe chooses in [metrics.LABEL]."""
