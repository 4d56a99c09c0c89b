"""Evaluation: numbers about a trained model, each with the protocol that made it."""
