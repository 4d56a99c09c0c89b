"""Conversion of published checkpoints to model folders. Every tensor is used, or the checkpoint is refused."""
