"""Predictions by a transform job: what it is given, the job itself, and its answers, found by image."""
