"""The demo's invented flood, as imagery and as truth."""
