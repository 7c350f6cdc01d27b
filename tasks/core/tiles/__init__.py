"""A tile's way through the stages: what is to be done, what became of it, what it is called."""
