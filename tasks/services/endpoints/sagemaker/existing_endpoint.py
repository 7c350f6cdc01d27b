"""A SageMaker endpoint that is there already: asked, and otherwise left alone.

It is described and invoked; nothing is created, tagged, leased or deleted. Nor is it paid for by the run.
"""

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from tasks.core.errors import EndpointGone, EndpointRefused
from tasks.core.models.known_models import PNG_TYPE
from tasks.core.tiles.jobs import content_key
from tasks.services.endpoints.contract import SAGEMAKER, Deployment, EndpointSpec, LeftAlone, Report
from tasks.services.endpoints.sagemaker import instances, invoking
from tasks.services.endpoints.sagemaker.aws_errors import translated
from tasks.services.endpoints.sagemaker.hosting import IN_SERVICE
from tasks.services.endpoints.teardown.sagemaker_resources import CONFIG, ENDPOINT, MODEL, Kind
from tasks.services.endpoints.teardown.teardown import make_client

ATTEMPTS = 3


@dataclass(frozen=True)
class ExistingEndpoint(LeftAlone):
    """The endpoint of one name.

    Attributes:
        spec: Its name, and how many requests an instance serves.
    """

    spec: EndpointSpec

    def model_identity(self) -> str:
        """What the models behind it are made of: it changes when the endpoint is given another model.

        Raises:
            EndpointRefused: There is no such endpoint, or what is behind it is gone or no model.
            EndpointUnavailable: AWS does not answer.
        """
        with translated(f"endpoint {self.spec.endpoint_name!r}"):
            client = make_client(attempts=ATTEMPTS)
            config = self._described(client, CONFIG, self._endpoint(client)["EndpointConfigName"])
            names = [variant.get("ModelName", "") for variant in config.get("ProductionVariants", ())]
            parts = sorted(json.dumps(_parts(self._described(client, MODEL, name)), sort_keys=True) for name in names)
        return f"sagemaker-{content_key(*parts)}"

    def deploy(self, name: str, report: Report) -> Deployment:
        """Look whether it is in service: nothing is deployed.

        Raises:
            EndpointRefused: It is not.
            EndpointUnavailable: AWS does not answer.
        """
        name = self.spec.endpoint_name
        with translated(f"endpoint {name!r}"):
            described = self._endpoint(make_client(attempts=ATTEMPTS))
        status = described["EndpointStatus"]
        if status != IN_SERVICE and not instances.is_scaling(described):
            reason = f" ({described['FailureReason']})" if "FailureReason" in described else ""
            raise EndpointRefused(
                f"endpoint {name!r} is {status}{reason}, and only one that is {IN_SERVICE} is asked. Wait until it is, "
                "or name another in `endpoint_name`"
            )
        report(f"endpoint {name} is in service: frames are sent there, and it is left as it is")
        in_flight = self.spec.asked_at_once(instances.of_endpoint(described).serving)
        return Deployment(SAGEMAKER, name, in_flight=in_flight, facts={"log_group": invoking.log_group(name)})

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = PNG_TYPE) -> bytes:
        """As ``invoking.invoke``."""
        return invoking.invoke(deployment.name, jpeg, deployment.in_flight, attributes=attributes, accept=accept)

    def _endpoint(self, client: Any) -> dict[str, Any]:
        described = ENDPOINT.described(client, self.spec.endpoint_name)
        if described is None:
            raise EndpointGone(
                f"there is no endpoint {self.spec.endpoint_name!r} in region {client.meta.region_name}: correct "
                "`endpoint_name`, or set the account (AWS_PROFILE) and region that it is in"
            )
        return described

    def _described(self, client: Any, kind: Kind, name: str) -> dict[str, Any]:
        """What it is made of: an endpoint may outlive its configuration and its models."""
        described = kind.described(client, name) if name else None
        if described is None:
            raise EndpointRefused(
                f"endpoint {self.spec.endpoint_name!r} has no {kind.noun} {name!r} (any more): which model answers "
                "cannot be told, nor whether it is the one of cached answers. Update the endpoint with one that exists"
            )
        return described


def _parts(model: dict[str, Any]) -> list[Any]:
    """A model cannot be changed, only made anew under its name: what it is made of, and when."""
    containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model.get("Containers", [])
    return [model["ModelArn"], model["CreationTime"].astimezone(UTC).isoformat(), containers]
