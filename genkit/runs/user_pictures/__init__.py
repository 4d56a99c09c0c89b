"""The user's own pictures: their scores, anomaly maps and codes."""
