"""Names of the final states of a run that are not Prefect's own: nothing that failed looks green.

Automations and ``prefect.yaml`` list them: a name that is missing there is a run that is swept too late, or killed.
"""

NO_PRODUCT = "NoProduct"
TOO_MANY = "TooManyTileFailures"
SOME_FAILED = "CompletedWithFailures"
ENDPOINT_LEFT = "EndpointNotDeleted"
REJECTED = "Rejected"
PLANNED = "Planned"
NOT_POSSIBLE = "NotPossible"
NOT_SWEPT = "NotSwept"
CAMPAIGN_ENDED = "CampaignEnded"

RED = (NO_PRODUCT, TOO_MANY, ENDPOINT_LEFT, REJECTED, NOT_POSSIBLE, CAMPAIGN_ENDED)
GREEN = (SOME_FAILED, PLANNED)
FINAL_STATES = (*RED, *GREEN)
