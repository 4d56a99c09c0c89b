"""Plugins and the parts that they supply."""
