"""TOML files: read with the line of every key, overridden, and written."""
