"""The sheet around the map, as a picture and as a PDF."""
