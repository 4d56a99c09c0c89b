"""Runs on disk: train, resume, evaluate, load, compare and convert."""
