"""Arguments and options that several commands share, and the errors for wrong ones."""
