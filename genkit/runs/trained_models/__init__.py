"""Trained models: read from disk, evaluated, sampled, and fitted with a prior."""
