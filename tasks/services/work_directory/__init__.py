"""The work directory: the cache of tiles' answers, records of runs, and pruning."""
