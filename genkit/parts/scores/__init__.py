"""Built-in scores: how abnormal each sample is to a trained autoencoder.

A new score is a file here, and one line in `genkit/parts/builtin.py`.
"""
