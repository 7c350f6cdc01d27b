"""Polygons of many tiles as one extent: joined across seams, filtered by area, cut back to the tiles."""
