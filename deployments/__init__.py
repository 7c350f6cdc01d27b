"""How the flows are deployed: images, servers, work pools, automations, the runbook."""
