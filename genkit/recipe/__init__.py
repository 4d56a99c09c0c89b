"""From a TOML recipe to a checked plan. Trains nothing and writes nothing."""
