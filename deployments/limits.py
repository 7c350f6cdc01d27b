"""The limit of all endpoints that may exist at once: made once, and then what people set.

A deployment's own concurrency limit does not see the runs of another; this one holds for all. It counts instances, as
an account's quota does. Somebody who wants another number sets it on the page Concurrency of the dashboard, or with
``prefect global-concurrency-limit update``; who wants none switches it off there.
"""

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from tasks.runtime.place_limit import LIMIT

# What a new account has of the smaller instance types is of this order; ``flood-extent plan`` says what yours has.
INSTANCES = 4


def make_limit() -> bool:
    """See that the limit is there; one that is there stays as it was set. Whether it was made."""
    with get_client(sync_client=True) as client:
        if _is_there(client):
            return False
        try:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=INSTANCES))
        except ObjectAlreadyExists:  # somebody has made it meanwhile
            return False
        return True


def _is_there(client: SyncPrefectClient) -> bool:
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        return False
    return True
