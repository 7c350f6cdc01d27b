"""Prefect servers on this machine: the one of ``serve``, and the one of a single run."""
