"""Benchmarks of time and memory. Run one with ``python -m benchmarks.NAME``; README.md lists them."""
