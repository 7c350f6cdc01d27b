"""The files that layers are written to, and read back from."""
