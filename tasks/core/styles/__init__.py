"""How each layer of the product looks in GIS programs."""
