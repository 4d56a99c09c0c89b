"""Files on disk: written completely or not at all, and verified when they are read."""
