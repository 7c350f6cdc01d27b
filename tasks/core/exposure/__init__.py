"""Exposure: how much of buildings, roads and parcels is flooded, and of how much nobody knows."""
