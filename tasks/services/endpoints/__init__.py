"""Model endpoints: what one is, which kinds there are, how each is hosted and deleted."""
