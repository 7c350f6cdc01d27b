"""From masks to exact polygons: what extraction finds on one tile."""
