"""What a run tells: its record, its report, its page in the dashboard, its plan."""
