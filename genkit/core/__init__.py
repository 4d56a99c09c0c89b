"""Types that every part and the engine share: models, batches, noise, phases, metrics, layers. Reads no files."""
