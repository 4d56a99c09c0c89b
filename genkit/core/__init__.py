"""The vocabulary that every part is written in: types, models, batches, noise, layers. Knows no recipe and no file."""
