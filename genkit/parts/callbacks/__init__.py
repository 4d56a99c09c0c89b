"""Built-in callbacks that a recipe may name in ``[callbacks.LABEL]``.

A new callback is a file here, and one line in `genkit/parts/builtin.py`.
"""
