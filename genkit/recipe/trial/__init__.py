"""What is tried before a run: each part, and one step on torch's meta device."""
