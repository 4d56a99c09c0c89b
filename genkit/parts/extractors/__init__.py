"""Feature extractors for metrics: networks, and the sample itself."""
