"""The built-in parts, one a file, supplied through the same hooks as those of any plugin."""
