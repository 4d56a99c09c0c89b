"""Base classes and shared recipe keys of the data sets."""
