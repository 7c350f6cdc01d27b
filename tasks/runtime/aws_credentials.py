"""The credentials and the encryption of a run, as every AWS client of its process sees them.

They go through the environment, for that is what boto3, the SageMaker SDK and child processes all read.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import Lock
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.core.redaction import redact
from tasks.services.process_environment import changed_environment
from tasks.services.storage.s3_client import KMS_KEY
from tasks.services.storage.s3_refusals import REQUEST_PAYER, REQUESTER

# Of two variables with one meaning, botocore prefers the first; other clients know only the second.
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
REGIONS = ("AWS_DEFAULT_REGION", "AWS_REGION")
# What else says who somebody is: left standing, it would be mixed with the block's own, or win over it.
OTHERS = (
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
)
# Parameters of a client that change nothing of it.
HARMLESS = {"use_ssl": True, "verify": True}

Variables = Mapping[str, str | None]


def aws_access(block: str | None, kms_key: str | None, *, requester_pays: bool = False) -> AbstractContextManager[None]:
    """Use a Prefect block's AWS credentials in this process, and encrypt what goes to S3 with a key, for a while.

    Everything is put back at the end, whatever happens. Clients that were made before keep what they have. Several may
    hold the same access in a process at once (a flow, and a hook that runs while it ends).

    Args:
        block: Name of an ``AwsCredentials`` block on the Prefect server of this process; None: the default chain.
        kms_key: Id, alias or ARN of a KMS key; None: what the bucket, or ``FLOOD_EXTENT_KMS_KEY``, says.
        requester_pays: Agree to pay for requests to buckets where the requester pays; else ``AWS_REQUEST_PAYER`` says.

    Raises:
        UnusableArgument: The block cannot be had, or holds what cannot be given to every client; or something else in
            this process is using other credentials.
    """
    if block is None and kms_key is None and not requester_pays:
        return nullcontext()
    return _SHARED.used(block, kms_key, requester_pays=requester_pays)


class _Shared:
    """The one access that a process has at a time: its environment is one for all its threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._held: tuple[str | None, str | None] = (None, None)
        self._undo = ExitStack()

    @contextmanager
    def used(self, block: str | None, kms_key: str | None, *, requester_pays: bool) -> Iterator[None]:
        """Set up by its first user, and put back by the last."""
        with self._lock:
            if not self._users:
                self._undo = _set_up(block, kms_key, requester_pays=requester_pays)
                self._held = (block, kms_key)
            elif block not in (None, self._held[0]) or kms_key not in (None, self._held[1]):
                raise UnusableArgument(
                    f"AWS credentials block {block!r} with key {kms_key!r}: another run in this process uses "
                    f"{self._held[0]!r} with {self._held[1]!r}. Start each run in a process of its own"
                )
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._undo.close()


_SHARED = _Shared()


def _set_up(block: str | None, kms_key: str | None, *, requester_pays: bool) -> ExitStack:
    variables: dict[str, str | None] = {} if kms_key is None else {KMS_KEY: kms_key}
    if requester_pays:
        variables[REQUEST_PAYER] = REQUESTER
    if block is not None:
        variables |= _variables(block, _loaded(block))
    with ExitStack() as stack:
        stack.enter_context(changed_environment(variables))
        if block is not None:
            stack.enter_context(_fresh_sessions())
        return stack.pop_all()


def _loaded(name: str) -> Any:
    try:
        from prefect_aws.credentials import AwsCredentials  # noqa: PLC0415 - a third of a second, in the extra "aws"
    except ImportError as error:
        raise UnusableArgument(f'block {name!r} needs the extra "aws": pip install "flood-extent[aws]"') from error
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - prefect_aws has imported it by now
    from pydantic import ValidationError  # noqa: PLC0415

    what, remedy = f"AWS credentials block {name!r}", "`prefect block ls` lists the blocks of the server"
    try:
        return AwsCredentials.load(name)
    except Exception as error:
        if isinstance(error.__cause__, ObjectNotFound):
            create = "`prefect block create aws-credentials` makes one"
            raise UnusableArgument(f"{what} does not exist: check the name. {remedy}; {create}") from error
        if isinstance(error.__cause__, ValidationError):  # not chained: it quotes what the block holds
            raise UnusableArgument(f"{what} does not fit its type: save it again. {remedy}") from None
        reason = redact(f"{type(error).__name__}: {error}")
        raise UnusableArgument(f"{what} cannot be asked for ({reason}): check PREFECT_API_URL. {remedy}") from error


def _variables(name: str, block: Any) -> Variables:
    """What to set in the environment, and what to remove (None), for the default chain to end in the block."""
    _check(name, block)
    secret = block.aws_secret_access_key
    held = {
        "AWS_ACCESS_KEY_ID": block.aws_access_key_id or None,
        "AWS_SECRET_ACCESS_KEY": (secret.get_secret_value() if secret else None) or None,
        "AWS_SESSION_TOKEN": block.aws_session_token or None,
    }
    held |= dict.fromkeys(PROFILES, block.profile_name or None)
    # A block that holds neither keys nor profile leaves who somebody is to the default chain.
    variables = held | dict.fromkeys(OTHERS) if any(held.values()) else {}
    if block.region_name:
        variables |= dict.fromkeys(REGIONS, block.region_name)
    authorities = block.aws_client_parameters.verify_cert_path
    return variables | ({"AWS_CA_BUNDLE": str(authorities)} if authorities else {})


def _check(name: str, block: Any) -> None:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - in the extra "aws"

    what, given = f"AWS credentials block {name!r}", block.aws_client_parameters.model_dump(exclude_none=True)
    if given.get("endpoint_url"):
        raise UnusableArgument(
            f"{what} has an endpoint URL, which would send the requests to every AWS service to one address and beat "
            "AWS_ENDPOINT_URL: clear it in the block and set AWS_ENDPOINT_URL where the flow runs"
        )
    beyond = [key for key, value in given.items() if key != "verify_cert_path" and HARMLESS.get(key) != value]
    if beyond:
        raise UnusableArgument(
            f"{what} sets {', '.join(beyond)}, which cannot be given to every client of a run: clear that in the block "
            "and set it where the flow runs, in the environment or in AWS's configuration file"
        )
    if block.assume_role_arn:
        raise UnusableArgument(
            f"{what} assumes a role, whose credentials may end before the run has deleted its endpoint: put role_arn "
            "into a profile of AWS's configuration file and name that in the block: clients then renew them"
        )
    if bool(block.aws_access_key_id) != bool(block.aws_secret_access_key):
        raise UnusableArgument(f"{what} holds one of access key id and secret without the other: give both or neither")
    try:
        block.get_boto3_session()
    except BotoCoreError as error:
        raise UnusableArgument(f"{what} cannot be used: {error}") from error


@contextmanager
def _fresh_sessions() -> Iterator[None]:
    """Sessions that libraries keep for the process know the old credentials: nobody gets these in the meantime."""
    import boto3  # noqa: PLC0415 - in the extra "aws"

    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    _forget_sagemaker()
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before
        _forget_sagemaker()


def _forget_sagemaker() -> None:
    sdk = sys.modules.get("sagemaker.core.utils.utils")  # seconds to import: where nobody has, it keeps nothing
    if sdk is not None:
        sdk.SageMakerClient.reset()
