"""One module a stage: thin Prefect tasks over services and core."""
