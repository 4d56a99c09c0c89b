"""From tables to parts: the keys that a part takes, and the values that a recipe gives them."""
