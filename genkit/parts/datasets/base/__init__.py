"""Base classes and shared keys of the data sets."""
