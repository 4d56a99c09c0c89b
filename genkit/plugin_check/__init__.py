"""Check of an installed plugin: its package, the entry of each part, and the laws of each part (`genkit.testing`)."""
