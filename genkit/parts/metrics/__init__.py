"""Metrics that a recipe names in [metrics.LABEL]."""
