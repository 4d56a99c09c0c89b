"""Priors of latent codes."""
