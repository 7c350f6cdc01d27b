"""Label masks and valid masks: what they hold, and their PNG files."""

# Of what the cache holds of this stage: raise it when the same input gets another answer (tests hold the code to it).
VERSION = 2
