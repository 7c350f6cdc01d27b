"""The sandbox's own controls, over HTTP below ``/_sandbox/``: JSON in, JSON out.

| request | does |
|---|---|
| ``GET health`` | answers |
| ``POST faults`` | orders one fault: the fields of ``faults.Rule`` |
| ``DELETE faults`` | clears them |
| ``POST settings`` | sets any of ``sagemaker.sandbox_resources.Settings`` |
| ``GET requests``, ``DELETE requests`` | calls by operation since the last DELETE; starts counting anew |
| ``GET calls`` | the same calls one by one, the fields of ``faults.Answered`` |
| ``GET resources`` | models, endpoint configurations, endpoints, transform jobs, scalable targets, with their tags |
| ``POST training-jobs`` | gives a training job (``name``, ``region``) a ``status`` |
| ``POST reset`` | forgets everything: moto's records, the endpoints, faults, counts, settings |
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal.models import moto_api_backend
from werkzeug.wrappers import Request, Response

from infra.sandbox import faults
from infra.sandbox.sagemaker.masks import FORMS, INDEXED
from infra.sandbox.sagemaker.sandbox_resources import CONFIG, ENDPOINT, MODEL, TRANSFORM, Estate, Settings
from infra.sandbox.scaling import Scaling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/_sandbox/"
Action = Callable[[Mapping[str, Any]], Any]
# What is said of each kind of resource besides its tags.
DETAILS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    ENDPOINT: lambda one: {
        "status": one.endpoint_status,
        "config": one.endpoint_config_name,
        "instances": [variant.get("CurrentInstanceCount") for variant in one.production_variants],
    },
    CONFIG: lambda one: {"models": [variant["ModelName"] for variant in one.production_variants]},
    MODEL: lambda _: {},
    TRANSFORM: lambda one: {"status": one.transform_job_status, "model": one.model_name},
}


class Control:
    """The WSGI application of the controls."""

    def __init__(self, estate: Estate, ordered: faults.Faults, scaling: Scaling) -> None:
        self._estate, self._faults, self._scaling = estate, ordered, scaling
        self._initial = replace(estate.settings)
        self._actions: Mapping[tuple[str, str], Action] = {
            ("GET", "health"): lambda _: {"status": "ok"},
            ("POST", "faults"): lambda body: ordered.order(faults.Rule(**body)),
            ("DELETE", "faults"): lambda _: ordered.clear(),
            ("POST", "settings"): self._set,
            ("GET", "requests"): lambda _: ordered.counts(),
            ("DELETE", "requests"): lambda _: ordered.forget(),
            ("GET", "calls"): lambda _: [asdict(one) for one in ordered.answered()],
            ("GET", "resources"): lambda _: self._resources(),
            ("POST", "training-jobs"): self._training_job,
            ("POST", "reset"): lambda _: self._reset(),
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        """Answer one request."""
        request = Request(environ)
        body = request.get_data()
        action = self._actions.get((request.method, request.path.removeprefix(PREFIX)))
        if action is None:
            return _json({"error": f"there is no {request.method} {request.path}"}, 404)(environ, start_response)
        try:
            answer = _json(action(json.loads(body or b"{}")), 200)
        except (ValueError, KeyError, TypeError) as error:
            answer = _json({"error": str(error)}, 400)
        return answer(environ, start_response)

    def _set(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := set(changes) - {one.name for one in fields(Settings)}:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        if (form := changes.get("masks", INDEXED)) not in FORMS:
            raise ValueError(f"no form of masks is called {form!r}; there are: {', '.join(sorted(FORMS))}")
        for name, value in changes.items():
            setattr(self._estate.settings, name, value)
        return asdict(self._estate.settings)

    def _training_job(self, order: Mapping[str, Any]) -> None:
        with self._estate.lock:
            job: Any = self._estate.backend(order["region"]).training_jobs[order["name"]]
            job.training_job_status = job.secondary_status = order["status"]
            job.failure_reason = order.get("failure_reason")

    def _reset(self) -> None:
        with self._estate.lock:
            moto_api_backend.reset()
            self._estate.forget()
            self._scaling.forget()
            self._set(asdict(self._initial))
        self._faults.clear()
        self._faults.forget()

    def _resources(self) -> dict[str, Any]:
        with self._estate.lock:
            regions = list(self._estate.regions())
            return {
                f"{kind.removeprefix('endpoint-').removesuffix('-job')}s": {
                    name: details(one) | {"tags": {tag["Key"]: tag["Value"] for tag in one.tags or ()}}
                    for region in regions
                    for name, one in self._estate.records(kind, region).items()
                }
                for kind, details in DETAILS.items()
            } | {"targets": self._scaling.described()}


def _json(answer: Any, status: int) -> Response:
    return Response(json.dumps(answer), status, content_type="application/json")
