"""Text of any script as a picture."""
