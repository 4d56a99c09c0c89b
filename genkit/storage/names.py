"""Names of the files in a run folder and in a model folder that several rooms read."""

RECIPE, RESOLVED = "recipe.toml", "recipe.resolved.toml"
RAW, EMA, ABOUT = "model.safetensors", "ema.safetensors", "about.json"  # of a model folder
