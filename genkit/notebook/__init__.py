"""Recipes, runs and models as objects of Python: what `import genkit` exports. It computes nothing itself."""
