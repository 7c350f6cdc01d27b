"""What catalogues read of a product: a STAC item and ISO 19115-3 metadata."""
