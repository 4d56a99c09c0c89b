"""Networks that turn samples into features for metrics."""
