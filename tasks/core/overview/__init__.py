"""The map of a product as a picture."""
