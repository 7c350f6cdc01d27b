"""The deployments whose runs are processes of a worker: ``python -m deployments.local`` makes or renews them.

Pool, deployments and automations, on the server at ``PREFECT_API_URL``. ``flood-extent serve`` does the same at every
start; a team does it once, and after an upgrade. Repeating it doubles nothing and leaves what people have set.
"""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from deployments import automations
from deployments.automations import CAMPAIGN_FLOW, FLOW, SCORE_FLOW, SWEEP_FLOW
from deployments.deploying import deploy
from tasks.core.errors import FloodExtentError

POOL = "flood-extent-local"
CAMPAIGN, BLOCK = f"{CAMPAIGN_FLOW}/local", f"{FLOW}/block"
DEPLOYMENT, SWEEP, SCORE = f"{FLOW}/local", f"{SWEEP_FLOW}/every-15-minutes", f"{SCORE_FLOW}/local"


def deploy_local(places: Path, notify: str | None) -> None:
    """Bring pool, deployments and automations up to date.

    Args:
        places: Folder below which runs put products, work and logs where they are not told otherwise.
        notify: Webhook that is told of failures and reviews; None: as it was set up before.

    Raises:
        NotDeployed: With what ``prefect deploy`` said.
    """
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # one that is there stays as it is
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    decided = {automations.UPLOADED} if automations.UPLOADS_VARIABLE in os.environ else set()
    deploy([DEPLOYMENT, BLOCK, CAMPAIGN, SWEEP, SCORE], {"PWD": str(places)}, decided)
    automations.apply_all(notify, uploads=automations.uploads_start_local_runs(os.environ))


def main() -> None:
    """Do it, as a command."""
    parser = argparse.ArgumentParser(description="Deploy the local deployments to the server at PREFECT_API_URL.")
    parser.add_argument("--places", type=Path, default=Path.cwd(), metavar="DIR", help="of products, work and logs")
    parser.add_argument("--notify", metavar="URL", help='is told of failures and reviews: takes a POST of {"text": …}')
    options = parser.parse_args()
    try:
        deploy_local(options.places.resolve(), options.notify or None)
    except FloodExtentError as error:
        sys.exit(f"flood-extent: {error}")
    print(f"{DEPLOYMENT}, {BLOCK}, {CAMPAIGN}, {SWEEP} and {SCORE} are deployed to the pool {POOL}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
