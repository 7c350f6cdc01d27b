"""One run of the flow: what it carries, completes, asks and ends as."""
