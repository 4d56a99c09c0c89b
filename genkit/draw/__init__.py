"""Pictures of tensors, written as PNG. Nothing here reads a run folder."""
