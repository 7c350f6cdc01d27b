"""Copies of the layers for maps in browsers: in WGS 84, whatever the imagery's CRS."""
