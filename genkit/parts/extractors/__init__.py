"""Feature extractors for metrics: networks, and the sample itself.

A new extractor is a file here, and one line in `genkit/parts/builtin.py`.
"""
