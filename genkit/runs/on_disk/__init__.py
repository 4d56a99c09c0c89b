"""What a run folder holds, and what it says of the run. Most of it is read without torch."""
