"""From a frame to what the model is sent, and which of its pixels are valid."""

# Of what the cache holds of this stage: raise it when the same input gets another answer (tests hold the code to it).
VERSION = 4
