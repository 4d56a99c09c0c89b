"""Numbers about a trained model, and the protocol that made each of them."""
