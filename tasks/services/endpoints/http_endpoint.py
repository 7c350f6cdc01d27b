"""An endpoint of somebody else's behind a URL: a server that speaks the container contract, on a GPU perhaps.

It is there before the run and stays: never created, never deleted. Every host may ask it.
"""

import os
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

import httpx

from tasks.core.class_map import MAPPED_LABELS
from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models.known_models import PNG_TYPE
from tasks.core.tiles.jobs import content_key
from tasks.services.endpoints import container_client, patience
from tasks.services.endpoints.contract import HTTP, Deployment, EndpointSpec, LeftAlone, Report

PATIENT_SECONDS, POLL_SECONDS = 2.0, 0.5


@dataclass(frozen=True)
class HttpEndpoint(LeftAlone):
    """The endpoint behind one URL.

    Attributes:
        spec: Its URL, and what the user calls its model.
        patient_seconds: For which it is asked again whether it is in service.
    """

    spec: EndpointSpec
    patient_seconds: float = PATIENT_SECONDS

    def model_identity(self) -> str:
        """The URL, and the user's name for the model: nothing says what a server holds."""
        return f"http-{content_key(self.spec.url, self.spec.model)}"

    def deploy(self, name: str, report: Report) -> Deployment:
        """Look whether it is in service: nothing is deployed.

        Raises:
            EndpointRefused: It is not.
        """
        url, end = self.spec.url, time.monotonic() + self.patient_seconds
        try:
            while (problem := container_client.problem_of(_client(), url)) and time.monotonic() < end:
                time.sleep(POLL_SECONDS)
        except httpx.InvalidURL as error:
            problem = str(error)
        if problem is not None:
            raise EndpointRefused(f"endpoint {url}: {problem}. Start the server, or correct `endpoint_url`")
        report(f"endpoint {url} is in service: frames are sent there; `model` calls what it holds {self.spec.model}")
        patience.begin_use(name)
        facts = {"url": url, "model": self.spec.model}
        return Deployment(HTTP, name, url, in_flight=self.spec.in_flight, facts=facts)

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = PNG_TYPE) -> bytes:
        """The server's answer, unchecked. Safe to call from several threads.

        Raises:
            EndpointRefused: It refused the image.
            EndpointUnavailable: It did not answer, or cannot just now.
        """
        try:
            with _places(os.getpid(), deployment.url, deployment.in_flight):
                classes = max(len(MAPPED_LABELS), len(self.spec.class_map or ()))
                url, ended = deployment.url, patience.use_of(deployment.name)
                return container_client.ask(_client(), url, jpeg, attributes, url, accept, classes=classes, ended=ended)
        except httpx.TransportError as error:
            raise EndpointUnavailable(f"endpoint {deployment.url}: {error!r}") from error

    def delete(self, name: str) -> tuple[str, ...]:
        """It stays, and the run that used it under this name waits for it no longer."""
        patience.end_use(name)
        return ()


@lru_cache(maxsize=16)
def _places(_process: int, _url: str, in_flight: int) -> threading.BoundedSemaphore:
    """Of this process at one server: tiles in chips ask several times at once."""
    return threading.BoundedSemaphore(max(1, in_flight))


def _client() -> httpx.Client:
    """By the proxies and authorities of the environment.

    Raises:
        EndpointRefused: There is a proxy that it cannot use.
    """
    try:
        return container_client.pooled_client(trust_env=True)
    except (ImportError, ValueError) as error:
        raise EndpointRefused(f"a proxy of the environment cannot be used: {error}. Take it out") from error
    except httpx.InvalidURL as error:  # its text may hold a part of a password
        raise EndpointRefused(
            "a proxy of the environment cannot be used: HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is no address. Correct it"
        ) from error
