"""Names of the files in a run folder, a model folder and an exported folder that several rooms read."""

RECIPE, RESOLVED = "recipe.toml", "recipe.resolved.toml"
RAW, EMA, ABOUT = "model.safetensors", "ema.safetensors", "about.json"  # of a model folder
CONFIG, CARD, SAMPLES = "config.json", "README.md", "samples.png"  # of an exported folder
ENCODER, DECODER = "encoder.onnx", "decoder.onnx"  # of an exported folder, if they were asked for
