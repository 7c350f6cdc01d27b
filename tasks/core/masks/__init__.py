"""Label masks and valid masks: what they hold, and their PNG files."""
