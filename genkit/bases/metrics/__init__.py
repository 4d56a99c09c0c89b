"""Base classes and helpers of metrics."""
