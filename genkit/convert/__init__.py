"""Weights that others have published, turned into a final folder of genkit: nothing of them is left out unsaid."""
