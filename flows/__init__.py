"""What runs, in which order: the flow, its parameters, the command line."""
