"""What an operator sees of the model server: Prometheus metrics, of this process alone.

A registry an application: several of them may run in one process. The text is that of prometheus-client; what its names
mean stands beside them (``# HELP``).
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.model_server.admission import Admission

PREFIX = "flood_extent_model"
ASKED = "/invocations"
FULL = 503
# From water-index on a small image to the minute that SageMaker allows.
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts of one application, and what its admission holds now.

    Args:
        admission: Looked at whenever somebody asks.
    """

    def __init__(self, admission: Admission) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            f"{PREFIX}_requests", "Answers to POST /invocations, by HTTP status", ["status"], registry=self._registry
        )
        self._refused = Counter(
            f"{PREFIX}_refused", "Requests that were answered 503, for as many wait as may", registry=self._registry
        )
        self._seconds = Histogram(
            f"{PREFIX}_prediction_seconds",
            "Seconds of a prediction, from the JPEG to the encoded answer, without waiting",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        predicting = Gauge(f"{PREFIX}_predicting", "Predictions under way", registry=self._registry)
        predicting.set_function(lambda: admission.predicting)
        waiting = Gauge(f"{PREFIX}_waiting", "Requests let in that are not predicted yet", registry=self._registry)
        waiting.set_function(lambda: admission.waiting)

    def predicted(self, seconds: float) -> float:
        """A prediction has succeeded; the same seconds."""
        self._seconds.observe(seconds)
        return seconds

    async def answer(self, _: Request) -> Response:
        """``GET /metrics``."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def counting(self, application: ASGIApp) -> ASGIApp:
        """The application, whose answers are counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._answered(message["status"])
                await send(message)

            await application(scope, receive, noted if scope["path"] == ASKED else send)

        return counted

    def _answered(self, status: int) -> None:
        self._requests.labels(str(status)).inc()
        if status == FULL:
            self._refused.inc()
