"""Checks that extractors share."""
