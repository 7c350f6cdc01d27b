"""From a frame to what the model is sent, and which of its pixels are valid."""
