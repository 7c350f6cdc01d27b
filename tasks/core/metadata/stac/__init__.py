"""A product as a STAC item."""
