"""How well a product agrees with reference polygons."""
