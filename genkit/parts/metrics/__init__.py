"""Metrics that a recipe chooses in [metrics.LABEL].

A new metric is a file here, and one line in `genkit/parts/builtin.py`.
"""
