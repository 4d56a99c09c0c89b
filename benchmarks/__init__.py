"""What genkit costs: ``python -m benchmarks.NAME``, see README.md."""
