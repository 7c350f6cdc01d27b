"""A product as ISO 19115-3 metadata."""
