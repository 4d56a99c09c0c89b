"""Published checkpoints converted to model folders, every tensor accounted for."""
