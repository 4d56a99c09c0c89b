"""Base classes and helpers that parts share; `genkit.api` exports them."""
