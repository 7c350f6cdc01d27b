"""What the project runs on in AWS: the stack, and the sweeper that needs nothing else of it."""
