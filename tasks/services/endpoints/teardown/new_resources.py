"""What this process has created in SageMaker so lately that AWS may not show it yet.

SageMaker reads with eventual consistency: "could not find" right after a creation is no proof that nothing is there
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html). Whoever deletes in this process
asks here before such an answer is believed.
"""

import os
import time
from uuid import UUID

from tasks.services.endpoints.teardown.sagemaker_resources import Kind, run_of

# Reads that miss a write are a matter of a second or two; this leaves room. What was perhaps created most likely was
# not, and a cancelled run has half a minute for all it does.
UNSEEN_SECONDS, DOUBTFUL_SECONDS = 60.0, 8.0

# Until when each may be unseen, in seconds of ``time.monotonic``. As what is deployed, this belongs to the process.
_unseen_until: dict[tuple[Kind, str], float] = {}


def created(kind: Kind, name: str, unseen_seconds: float = UNSEEN_SECONDS) -> None:
    """AWS has created a resource, or may have, and may not show it for some seconds."""
    _unseen_until[kind, name] = max(_unseen_until.get((kind, name), 0.0), time.monotonic() + unseen_seconds)


def perhaps_created(kind: Kind, name: str) -> None:
    """AWS has not said whether it has created a resource: the answer was lost, or an error that says nothing of it."""
    created(kind, name, DOUBTFUL_SECONDS)


def ended(kind: Kind, name: str) -> None:
    """Its deletion was accepted: from now on it is not there where AWS says so."""
    _unseen_until.pop((kind, name), None)


def may_be_unseen(kind: Kind, name: str) -> bool:
    """Whether AWS may say that it is not there although it is."""
    return time.monotonic() < _unseen_until.get((kind, name), 0.0)


def unseen_names_of(run: UUID) -> list[str]:
    """Names of a run under which something may be there unseen; of two kinds twice."""
    return [name for kind, name in list(_unseen_until) if run_of(name) == run and may_be_unseen(kind, name)]


def forget() -> None:
    """Nothing was created: a forked process has created nothing."""
    _unseen_until.clear()


os.register_at_fork(after_in_child=forget)
