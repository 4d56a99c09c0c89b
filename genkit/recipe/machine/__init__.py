"""What a recipe asks of this machine."""
