"""Models that travel: exported folders with a model card, the hub, and networks in ONNX."""
