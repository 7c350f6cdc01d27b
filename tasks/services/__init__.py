"""The outside world: storage and endpoints."""
