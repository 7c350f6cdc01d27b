"""``report.html``: the run's record, the layers on a map, and the tables, in one page that needs no network."""
