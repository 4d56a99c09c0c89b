"""The VAE, which is a loss and the warm-up of other losses."""
