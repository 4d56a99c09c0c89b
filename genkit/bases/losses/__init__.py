"""The VAE, which is a loss and the warm-up of other losses, and what introspective losses remark on."""
