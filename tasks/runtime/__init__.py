"""How tasks run: policies, the runner of a stage, the dashboard, the log, credentials."""
