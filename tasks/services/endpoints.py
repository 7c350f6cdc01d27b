"""What a model endpoint is, whoever hosts it: deployed by name, asked with a JPEG, deleted by name."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

# SageMaker's own rule for endpoint names, kept for every kind so that a name fits wherever it is used.
NAME_PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """An endpoint that answered when it was deployed.

    Attributes:
        kind: ``local`` or ``sagemaker``.
        name: Endpoint name: at most 63 letters, digits and inner dashes.
        url: Where it is asked: ``http://127.0.0.1:PORT`` where it is local, empty where the name is enough.
        host: The host that can reach it, where only one can; None where any host can.
    """

    kind: str
    name: str
    url: str = ""
    host: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_dict`` or JSON."""
        return cls(**values)


class EndpointService(Protocol):
    """Deploys, asks and deletes endpoints of one model.

    A service is built from plain settings and holds no connection before it is used: tile tasks build their own.
    """

    def model_identity(self) -> str:
        """What the answers depend on, known before anything is deployed: part of the predictions' cache key.

        Raises:
            EndpointRefused: There is no such model.
        """
        ...

    def deploy(self, name: str) -> Deployment:
        """Create the endpoint and wait until it answers.

        Raises:
            EndpointRefused: It cannot be deployed as asked.
            EndpointUnavailable: It did not come up, and may if tried again.
        """
        ...

    def invoke(self, deployment: Deployment, jpeg: bytes) -> bytes:
        """The PNG label mask of an NRG JPEG, as the endpoint answered it: the caller checks it.

        Safe to call from several threads.

        Raises:
            EndpointRefused: Asking again would be refused again.
            EndpointUnavailable: No answer, or not now.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete the endpoint of this name, if there is one: safe to repeat, and while it is being deployed."""
        ...


def check_name(name: str) -> None:
    """Raise ``ValueError`` unless ``name`` can be an endpoint's name."""
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"an endpoint name is 1 to 63 letters, digits and inner dashes, not {name!r}")
