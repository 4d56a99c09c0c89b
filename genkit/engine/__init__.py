"""The one training loop, on Accelerate. Names no method."""
