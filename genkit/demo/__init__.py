"""Page on which a user plays with a trained model: functions from plain inputs to pictures, and their layout."""
