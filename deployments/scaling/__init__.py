"""What datasets of any size take, worked out from what was measured: ``python -m deployments.scaling``."""
