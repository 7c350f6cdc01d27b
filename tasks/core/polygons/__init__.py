"""From masks to exact polygons: what extraction finds on one tile."""

# Of what the cache holds of this stage: raise it when the same input gets another answer (tests hold the code to it).
VERSION = 3
