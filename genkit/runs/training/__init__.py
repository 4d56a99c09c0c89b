"""Training in a run folder: the callbacks around the loop, checkpoints, figures, the next step."""
