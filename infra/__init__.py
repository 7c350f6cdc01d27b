"""What the project runs on."""
