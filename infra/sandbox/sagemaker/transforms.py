"""Transform jobs: InProgress, then Completed or Failed; Stopping, then Stopped. The container is really asked.

What AWS documents of them: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformOutput.html. An object whose answer cannot be had
makes the job Failed, and the others' answers are there; a job that is stopped leaves none. Of requests only whole
objects are known (``SplitType`` None).
"""

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
from moto.core.utils import utcnow
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends
from werkzeug.wrappers import Response

from infra.sandbox.sagemaker.invocations import Container, as_set
from infra.sandbox.sagemaker.lifecycle import Fate
from infra.sandbox.sagemaker.sandbox_resources import TRANSFORM, Estate
from infra.sandbox.wire import ACCOUNT, SAGEMAKER, Call, Handler, Refused, refusal, success
from tasks.core.errors import EndpointRefused, EndpointUnavailable

IN_PROGRESS, COMPLETED, FAILED, STOPPING, STOPPED = "InProgress", "Completed", "Failed", "Stopping", "Stopped"
RECORDS_FAILED = "ClientError: See job logs for more information"
NO_INPUT = "ClientError: No objects found for the S3 input {}"
NO_OUTPUT = "ClientError: The S3 output {} does not exist"
DEFAULT_RETRIES = 3
SERVER_ERROR = 500
# Enough to be at work at once on one machine, whatever the instances of a job would be.
MOST_THREADS = 8

Object = tuple[str, str]
"""Bucket and key."""


class Transforms:
    """The layer that runs transform jobs; other calls pass."""

    def __init__(self, inner: Handler, estate: Estate, container: Container) -> None:
        self._inner, self._estate, self._container = inner, estate, container

    def __call__(self, call: Call) -> Response:
        """Answer a call."""
        if call.service != SAGEMAKER or call.operation not in {"CreateTransformJob", "StopTransformJob"}:
            return self._inner(call)
        with self._estate.lock:
            return self._create(call) if call.operation == "CreateTransformJob" else self._stop(call)

    def _create(self, call: Call) -> Response:
        answer = self._inner(call)
        if answer.status_code == 200:  # noqa: PLR2004 - HTTP's own
            record = self._estate.records(TRANSFORM, call.region)[call.name]
            stop = self._estate.stops[call.region, call.name] = threading.Event()
            job = Job(self._estate, self._container, record, stop, call.fate or Fate(), call.parameters)
            job.show(IN_PROGRESS)
            record.transform_start_time = record.transform_end_time = record.failure_reason = None
            threading.Thread(target=job.run, name=f"transform-{call.name}", daemon=True).start()
        return answer

    def _stop(self, call: Call) -> Response:
        record = self._estate.records(TRANSFORM, call.region).get(call.name)
        if record is None:
            return refusal(call, Refused(f"Could not find requested job with name: {call.name}"))
        if record.transform_job_status not in {IN_PROGRESS, STOPPING}:
            text = f"The request was rejected because the transform job is in status {record.transform_job_status}."
            return refusal(call, Refused(text))
        record.transform_job_status, record.last_modified_time = STOPPING, utcnow()
        self._estate.stops[call.region, call.name].set()
        return success()


@dataclass
class Job:
    """One transform job at work.

    Attributes:
        estate: Whose settings hold, and whose lock the record is changed under.
        container: What is asked.
        record: Moto's.
        stop: Set when it is to be stopped.
        fate: What an ordered fault wants to become of it.
        asked: Members of the request that created it.
        outputs: Answers, by the input's path.
    """

    estate: Estate
    container: Container
    record: Any
    stop: threading.Event
    fate: Fate
    asked: Mapping[str, Any]
    outputs: dict[str, bytes] = field(default_factory=dict)

    def show(self, status: str, failure: str | None = None) -> None:
        """Change what is said of it."""
        with self.estate.lock:
            now = utcnow()
            self.record.transform_job_status, self.record.failure_reason = status, failure
            self.record.last_modified_time = now
            if status not in {IN_PROGRESS, STOPPING}:
                self.record.transform_end_time = now

    def run(self) -> None:
        """From the start of the instances to its end."""
        seconds = self.estate.settings.creating_seconds if self.fate.seconds is None else self.fate.seconds
        if not self.stop.wait(None if math.isinf(seconds) else seconds):
            failure = self.fate.failure or self._work()
            with self.estate.lock:  # it may not be stopped between the look and the end
                if not self.stop.is_set():
                    failure = self._write() or failure
                    self.show(FAILED if failure else COMPLETED, failure)
                    return
        threading.Event().wait(self.estate.settings.deleting_seconds)
        self.show(STOPPED)

    def _work(self) -> str | None:
        """Ask for all of its inputs; why it fails, None where it does not."""
        self.record.transform_start_time = utcnow()
        source = self.asked["TransformInput"]["DataSource"]["S3DataSource"]
        try:
            inputs = sorted(_inputs(source["S3DataType"], source["S3Uri"]))
        except MissingBucket:
            inputs = []
        if not inputs:
            return NO_INPUT.format(source["S3Uri"])
        at_once = self.asked.get("MaxConcurrentTransforms") or 1
        threads = min(MOST_THREADS, at_once * self.asked["TransformResources"]["InstanceCount"])
        with ThreadPoolExecutor(threads) as pool:
            answered = list(pool.map(self._answer, inputs[self.fate.failing_records :]))
        return None if all(answered) and not self.fate.failing_records else RECORDS_FAILED

    def _answer(self, entry: tuple[str, Object]) -> bool:
        """Ask for one input; whether there is an answer."""
        path, place = entry
        body = _read(place)
        limit = self.asked.get("MaxPayloadInMB", 6) * 2**20
        if self.stop.is_set() or body is None or len(body) > limit:
            return False
        content = self._asked(body)
        if content is not None:
            self.outputs[path] = content
        return content is not None

    def _asked(self, body: bytes) -> bytes | None:
        headers = {"content-type": self.asked["TransformInput"].get("ContentType", "application/octet-stream")}
        if accept := self.asked["TransformOutput"].get("Accept"):
            headers["accept"] = accept
        retries = self.asked.get("ModelClientConfig", {}).get("InvocationsMaxRetries", DEFAULT_RETRIES)
        for _ in range(1 + retries):
            try:
                answered = self.container.answer(body, headers)
            except (httpx.TransportError, EndpointRefused, EndpointUnavailable):
                continue
            if answered.status_code < SERVER_ERROR:
                return None if answered.is_error else as_set(answered, self.estate.settings)
        return None

    def _write(self) -> str | None:
        """Keep the answers; why that fails, None where it does not."""
        bucket, prefix = _place(self.asked["TransformOutput"]["S3OutputPath"])
        for path, content in self.outputs.items():
            key = f"{prefix.rstrip('/')}/{path}.out".lstrip("/")
            try:
                s3_backends[ACCOUNT]["aws"].put_object(bucket, key, content)
            except MissingBucket:
                return NO_OUTPUT.format(self.asked["TransformOutput"]["S3OutputPath"])
        return None


def _inputs(kind: str, uri: str) -> Iterator[tuple[str, Object]]:
    """Each input: its path below the output, and where it lies."""
    bucket, prefix = _place(uri)
    if kind == "ManifestFile":
        yield from _listed_in(_read((bucket, prefix)) or b"[]")
        return
    folder = prefix[: prefix.rfind("/") + 1]
    for key in list(s3_backends[ACCOUNT]["aws"].get_bucket(bucket).keys):
        if key.startswith(prefix) and not key.endswith("/"):
            yield key.removeprefix(folder), (bucket, key)


def _listed_in(manifest: bytes) -> Iterator[tuple[str, Object]]:
    """A manifest is a list: an object with the prefix, then paths below it."""
    first, *paths = _manifest(manifest)
    bucket, prefix = _place(first["prefix"])
    for path in paths:
        yield path, (bucket, f"{prefix}{path}")


def _manifest(content: bytes) -> Sequence[Any]:
    found: Sequence[Any] = json.loads(content)
    return found or [{"prefix": "s3:///"}]


def _place(uri: str) -> Object:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _read(place: Object) -> bytes | None:
    try:
        found = s3_backends[ACCOUNT]["aws"].get_object(*place)
    except MissingBucket:
        return None
    return None if found is None else bytes(found.value)
