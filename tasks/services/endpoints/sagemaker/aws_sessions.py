"""boto3 sessions for whoever deploys: calls that end in bounded time, and none begun once the run is torn down."""

import logging
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.session import get_session

from tasks.core.errors import EndpointRefused

# The SDK makes its own clients, with ten attempts: without these, a call that hangs would take ten minutes.
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 20, 5


def session(go_on: Callable[[], object] = lambda: None) -> Any:
    """boto3's session, with a region, for the SDK's clients and our own.

    Args:
        go_on: Called before each request is sent, again before each further attempt; raises where none may be sent.

    Raises:
        EndpointRefused: No region is set.
    """
    core = get_session()
    core.set_default_client_config(Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS))
    core.register("before-send", lambda **_: go_on())
    made = boto3.Session(botocore_session=core)
    if made.region_name is None:
        raise EndpointRefused("no AWS region is set. Set AWS_DEFAULT_REGION, or a region in the AWS profile")
    logging.getLogger("sagemaker").setLevel(logging.WARNING)
    return made


def patient_client(session: Any, service: str = "sagemaker") -> Any:
    """A client of a session that outlasts short troubles: an endpoint that is paid for waits for it."""
    return session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}))
