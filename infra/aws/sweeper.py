"""The sweep as a Lambda on a schedule: the last layer, which needs neither Prefect nor any machine of ours.

It asks no Prefect server, so leases and age alone decide. Environment: ``MAX_ENDPOINT_MINUTES``, and ``DRY_RUN`` where
it is to judge only. What it cannot delete for a reason that will not pass makes it fail, and its alarm ring.
"""

import logging
import os
from typing import Any

from tasks.services.endpoints.teardown.scalable_targets import SERVICE
from tasks.services.endpoints.teardown.sweeping import MAX_ENDPOINT_MINUTES, sweep
from tasks.services.endpoints.teardown.teardown import make_client

logger = logging.getLogger()
logger.setLevel(logging.INFO)


class NotSwept(RuntimeError):
    """Something of ours should be gone and is not."""


def handler(event: dict[str, Any], context: object) -> dict[str, list[str]]:  # noqa: ARG001 - AWS calls with both
    """Sweep once; on the event ``{"dry_run": true}``, judge only.

    Returns:
        ``kept``, ``deleted`` and ``left`` (to the next sweep), in words.

    Raises:
        NotSwept: AWS refused a deletion, or has been unable to do it for hours.
    """
    results = sweep(
        make_client(),
        scaling=make_client(service=SERVICE),
        max_minutes=float(os.environ.get("MAX_ENDPOINT_MINUTES") or MAX_ENDPOINT_MINUTES),
        dry_run=bool(event.get("dry_run")) or os.environ.get("DRY_RUN", "").lower() in ("1", "true", "yes"),
    )
    for result in results:
        logger.info("%s", result)
    refused = [str(step) for result in results for step in result.failed]
    if refused:
        raise NotSwept("; ".join(refused))
    return {
        "kept": [str(result) for result in results if not result.reason],
        "deleted": [str(result) for result in results if result.reason and not result.left],
        "left": [str(step) for result in results for step in result.left],
    }
