"""An endpoint on this machine: the model server as a child process on a free loopback port.

It is deployed in the calling process and ends with it (``tasks.services.child_process``). Only processes of the same
host can ask it.
"""

import importlib.util
import os
import shutil
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models import known_models
from tasks.services import child_process, temp_folders
from tasks.services.endpoints import container_client, patience
from tasks.services.endpoints.contract import LOCAL, Deployment, Report

START_SECONDS = 60.0
POLL_SECONDS = 0.05
# The server's exit status for "this model cannot be used" (EX_USAGE).
MODEL_REFUSED = 64


@dataclass(frozen=True, eq=False)
class _Server:
    """A started server: its process, and the folder of its announced port and log."""

    child: child_process.Child
    folder: Path

    @property
    def url(self) -> str | None:
        """Where it listens, once it has said so."""
        announced = self.folder / "port"
        return f"http://127.0.0.1:{announced.read_text()}" if announced.exists() else None

    def stop(self) -> None:
        self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


# Deployments belong to the process, not to an instance: whoever holds a name can delete it.
_servers: dict[str, _Server] = {}
_lock = threading.Lock()


def _client() -> httpx.Client:
    """Nothing of the environment, such as a proxy that nobody can use, has anything to do with a server of our own."""
    return container_client.pooled_client(trust_env=False)


@dataclass(frozen=True)
class LocalEndpoint:
    """Endpoints of one model on this host.

    Attributes:
        model: ``water-index``, or the path of an ONNX model.
        start_seconds: Within which a server must answer.
        device: Where an ONNX model runs: ``cpu``, ``cuda``, or ``auto``: a GPU where onnxruntime can use one.
        class_map: The label of each class of an ONNX model; None: its metadata say it.
    """

    model: str
    start_seconds: float = START_SECONDS
    device: str = "auto"
    class_map: tuple[int, ...] | None = None

    def model_identity(self) -> str:
        """The method's version and constants, or the file's SHA-256.

        Raises:
            EndpointRefused: There is no such model.
        """
        return known_models.identity(self.model)

    def deploy(self, name: str, report: Report = lambda _: None) -> Deployment:
        """Start a server and wait until it answers; whatever goes wrong, nothing is left running.

        Raises:
            EndpointRefused: The model is missing or cannot be used, its runtime is not installed, this process has
                already deployed ``name``, or ``name`` was deleted meanwhile.
            EndpointUnavailable: The server ended, or did not answer in time; its last words are in the message.
        """
        self.model_identity()  # so that what the server could only refuse after it has started is refused at once
        if self.model != known_models.WATER_INDEX and importlib.util.find_spec("onnxruntime") is None:
            raise EndpointRefused(f"model {self.model} needs onnxruntime: install flood-extent[onnx]")
        server = self._start(name)
        try:
            url = self._wait(name, server)
        except BaseException:
            self.delete(name)
            raise
        report(f"endpoint {name} answers at {url}")
        return Deployment(LOCAL, name, url, socket.gethostname(), facts={"model": self.model})

    def invoke(
        self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = known_models.PNG_TYPE
    ) -> bytes:
        """The server's answer, unchecked. Safe to call from several threads.

        Raises:
            EndpointRefused: It lives on another host, has ended, or refused the image.
            EndpointUnavailable: It did not answer, or failed.
        """
        if deployment.host != socket.gethostname():
            raise EndpointRefused(
                f"endpoint {deployment.name} runs on host {deployment.host!r}, this is {socket.gethostname()!r}: "
                "a local endpoint works only on the host that deployed it; run the worker there, or use sagemaker"
            )
        try:
            name, ended = deployment.name, patience.use_of(deployment.name)
            return container_client.ask(_client(), deployment.url, jpeg, attributes, name, accept, ended=ended)
        except httpx.TransportError as error:
            raise _unreachable(deployment, error) from error

    def delete(self, name: str) -> tuple[str, ...]:
        """Stop the server that this process started under ``name``, if any: safe to repeat, and while it starts.

        Who waits for it because it is busy does so no longer.
        """
        patience.end_use(name)
        with _lock:
            server = _servers.pop(name, None)
        if server is not None:
            server.stop()
        return ()

    def wait_until_gone(self, name: str, seconds: float) -> tuple[str, ...]:  # noqa: ARG002 - stopped is gone
        """Nothing to wait for: ``delete`` returns when the server has ended."""
        return ()

    def _start(self, name: str) -> _Server:
        model = self.model if self.model == known_models.WATER_INDEX else str(Path(self.model).expanduser().resolve())
        with _lock:
            if name in _servers:
                raise EndpointRefused(f"endpoint {name} is already deployed: delete it first")
            folder = temp_folders.make("endpoint")
            arguments = ["--model", model, "--port", "0", "--announce", str(folder / "port")]
            arguments += ["--concurrency", str(os.cpu_count() or 1), "--device", self.device]
            arguments += [] if self.class_map is None else ["--labels", ",".join(map(str, self.class_map))]
            command = [sys.executable, "-m", "infra.model_server", *arguments]
            server = _Server(child_process.start(command, log=folder / "log"), folder)
            _servers[name] = server
            patience.begin_use(name)
        return server

    def _wait(self, name: str, server: _Server) -> str:
        end = time.monotonic() + self.start_seconds
        while time.monotonic() < end:
            if _servers.get(name) is not server:
                raise EndpointRefused(f"endpoint {name} was deleted while it was starting")
            if not server.child.alive:
                raise _died(name, self.model, server.child)
            if (url := server.url) and container_client.problem_of(_client(), url) is None:
                return url
            time.sleep(POLL_SECONDS)
        raise EndpointUnavailable(
            f"endpoint {name} did not answer within {self.start_seconds:g} s; its last words: {server.child.log_tail()}"
        )


def _died(name: str, model: str, child: child_process.Child) -> EndpointRefused | EndpointUnavailable:
    status, message = child.stop(), child.log_tail() or "nothing"
    if status == MODEL_REFUSED:
        return EndpointRefused(f"`model` {model} cannot be used: {message}")
    return EndpointUnavailable(f"endpoint {name} ended with status {status} while starting; its last words: {message}")


def _unreachable(deployment: Deployment, error: Exception) -> EndpointRefused | EndpointUnavailable:
    with _lock:
        server = _servers.get(deployment.name)
    if server is None or server.child.alive:
        return EndpointUnavailable(f"endpoint {deployment.name} at {deployment.url}: {error!r}")
    # Nobody starts it again: each tile that is left would spend its retries in vain.
    message = server.child.log_tail() or "nothing"
    return EndpointRefused(
        f"endpoint {deployment.name} has ended, short of memory perhaps; it said: {message}. Run again"
    )
