"""Names of the recipe files in a run folder and in a model folder."""

RECIPE, RESOLVED = "recipe.toml", "recipe.resolved.toml"
