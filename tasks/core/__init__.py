"""The domain: pure functions and records; no Prefect, no AWS, no network."""
