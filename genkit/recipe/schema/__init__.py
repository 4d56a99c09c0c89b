"""JSON schemas of recipes."""
