"""The frames of a dataset: listed, fetched, decoded."""
