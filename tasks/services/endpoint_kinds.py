"""Which endpoint services there are, by the name that a run's parameters use."""

from tasks.core.errors import UnusableArgument
from tasks.services.endpoints import EndpointService
from tasks.services.local_endpoint import LocalEndpoint


def endpoint_service(kind: str, model: str) -> EndpointService:
    """The service that a run's parameters ask for.

    Args:
        kind: ``local``.
        model: What it is to serve; of no account where a deployed endpoint is only asked.

    Raises:
        UnusableArgument: There is no such kind of endpoint.
    """
    if kind == "local":
        return LocalEndpoint(model)
    raise UnusableArgument(f"endpoint {kind!r}: this version deploys only 'local' endpoints")
