"""Faults on order: rules that say which of the coming calls go wrong, and how."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from werkzeug.wrappers import Response

from infra.sandbox import scaling
from infra.sandbox.sagemaker import invocations, masks
from infra.sandbox.sagemaker.lifecycle import NEVER, Fate
from infra.sandbox.sagemaker.rules import KINDS
from infra.sandbox.sagemaker.sandbox_resources import CONFIG, ENDPOINT, MODEL, TRANSFORM, Settings, arn, could_not_find
from infra.sandbox.sagemaker.staleness import Stale
from infra.sandbox.wire import (
    ACCOUNT,
    CALLER,
    IAM,
    QUOTAS,
    RUNTIME,
    S3,
    SAGEMAKER,
    SCALING,
    Call,
    Handler,
    Refused,
    drain,
    refusal,
)
from tasks.core.masks import png_masks

ANY = "*"
NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
UNHEALTHY = (
    "The primary container for production variant AllTraffic did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
LIMIT = (
    "The account-level service limit 'ml.c5.xlarge for {use} usage' is 0 Instances, with current utilization of 0 "
    "Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this "
    "quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
)
GARBAGE = b"neither a PNG nor anything else"
# Calls that are kept with their times; older ones are forgotten.
MOST_CALLS = 100_000
# A creation that is stale is not to be seen for a while; any other of these calls sees nothing itself.
STALE = frozenset(f"{verb}{kind}" for verb in ("Create", "Describe", "Delete") for kind in KINDS) | {
    "AddTags",
    "ListTags",
}


@dataclass
class Rule:
    """One ordered fault.

    Attributes:
        operation: Of SageMaker, its runtime, S3, IAM, Service Quotas or Application Auto Scaling; ``*`` for all of
            SageMaker and its runtime.
        error: A key of ``ERRORS``.
        times: How many calls it hits; None for all that come.
        after: How many matching calls it lets pass first.
        seconds: How long ``hang`` waits before the call goes on; after which ``stays-creating`` ends in Failed (0:
            never); how long what a ``stale`` creation made is not to be seen.
        calls: How many reads miss what a ``stale`` creation made; how many images ``records-fail`` leaves unanswered.
        name_contains: Only calls about a name, an ARN or a ``bucket/key`` that contains this.
    """

    operation: str
    error: str
    times: int | None = 1
    after: int = 0
    seconds: float = 0.0
    calls: int = 0
    name_contains: str = ""
    matched: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.error not in ERRORS:
            raise ValueError(f"no error is called {self.error!r}; there are: {', '.join(sorted(ERRORS))}")
        only = frozenset(operation for operation, errors in ERRORS_OF.items() if self.error in errors) or None
        only = STALE if self.error == "stale" else only
        if only is not None and self.operation not in only:
            raise ValueError(f"{self.error} can only happen to {', '.join(sorted(only))}, not to {self.operation}")

    def hits(self, call: Call, operation: str) -> bool:
        """Whether the rule strikes this call, which is then counted; ``operation`` is what the call does."""
        if operation != self.operation and not (self.operation == ANY and call.service in {SAGEMAKER, RUNTIME}):
            return False
        if self.name_contains not in call.name:
            return False
        self.matched += 1
        return self.matched > self.after and (self.times is None or self.matched <= self.after + self.times)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call with its times.

    Attributes:
        operation: As in AWS's API reference.
        name: Of what it was about.
        began: When it came, in seconds of the sandbox's own clock.
        ended: When it was answered.
    """

    operation: str
    name: str
    began: float
    ended: float


class Faults:
    """The layer that counts and times calls, and lets the ordered ones go wrong."""

    def __init__(self, inner: Handler, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._clock = inner, clock
        self._answered: deque[Answered] = deque(maxlen=MOST_CALLS)
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._counts: Counter[str] = Counter()

    def __call__(self, call: Call) -> Response:
        """Answer a call, wrongly where that has been ordered."""
        began = self._clock()
        try:
            return self._answer(call)
        finally:
            answered = Answered(call.operation or call.service, call.name, began, self._clock())
            with self._lock:
                self._answered.append(answered)

    def _answer(self, call: Call) -> Response:
        with self._lock:
            self._counts[call.operation or call.service] += 1
            rule = self._striking(call)
        if rule is None:
            return self._inner(call)
        if call.service == S3:
            drain(call.environ)
        return ERRORS[rule.error](call, rule, self._inner)

    def _striking(self, call: Call) -> Rule | None:
        for rule in self._rules:
            if rule.hits(call, call.operation):
                return rule
            # Whoever may not tag may not create with tags.
            tags = rule.error == "access-denied" and rule.operation == "AddTags" and call.parameters.get("Tags")
            if tags and call.operation.startswith("Create") and rule.hits(call, "AddTags"):
                return rule
        return None

    def order(self, rule: Rule) -> None:
        """Let a rule hold from now on, after those that hold already."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Let no rule hold any more."""
        with self._lock:
            self._rules.clear()

    def counts(self) -> dict[str, int]:
        """Calls by operation since the last ``forget``, the faulty ones too."""
        with self._lock:
            return dict(self._counts)

    def answered(self) -> list[Answered]:
        """The calls that ``counts`` counts and that have been answered, in the order of that, with their times."""
        with self._lock:
            return list(self._answered)

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()
            self._answered.clear()


Effect = Callable[[Call, Rule, Handler], Response]


def _refusing(build: Callable[[Call], Refused]) -> Effect:
    return lambda call, _rule, _inner: refusal(call, build(call))


def _throttled(call: Call) -> Refused:
    if call.service == S3:
        return Refused("Please reduce your request rate.", code="SlowDown", status=503)
    return invocations.THROTTLED


def _internal(call: Call) -> Refused:
    codes = {
        S3: "InternalError",
        IAM: "ServiceFailure",
        QUOTAS: "ServiceException",
        SCALING: "InternalServiceException",
    }
    code = codes.get(call.service, "InternalFailure")
    return Refused("We encountered an internal error. Please try again.", code=code, status=500)


def _denied(call: Call, rule: Rule, _: Handler) -> Response:
    operation = "AddTags" if rule.operation == "AddTags" else call.operation
    service = call.service if call.service in {S3, IAM, QUOTAS, SCALING} else SAGEMAKER
    text = (
        f"User: {CALLER} is not authorized to perform: {service}:{operation} on resource: {_resource(call)} "
        f"because no identity-based policy allows the {service}:{operation} action"
    )
    code = "AccessDenied" if call.service in {S3, IAM} else "AccessDeniedException"
    status = 400 if call.service in {SAGEMAKER, QUOTAS, SCALING} else 403
    return refusal(call, Refused(text, code=code, status=status))


def _badly_signed(call: Call, _rule: Rule, _inner: Handler) -> Response:
    """AWS quotes what it would have signed, with every header that came: among them the session token."""
    token = call.environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "none")
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. The Canonical String for this request should have been "
        f"'POST\n{call.environ['PATH_INFO']}\n\nhost:{call.environ.get('HTTP_HOST', '')}\n"
        f"x-amz-security-token:{token}\n\nhost;x-amz-security-token'"
    )
    return refusal(call, Refused(text, code="InvalidSignatureException", status=403))


def _resource(call: Call) -> str:
    if call.service == S3:
        return f'"arn:aws:s3:::{call.name}"'
    if call.service == IAM:
        return f"role {call.name}"
    if call.service == SCALING:
        return f"arn:aws:application-autoscaling:{call.region}:{ACCOUNT}:scalable-target/*"
    if not call.name or call.name.startswith("arn:"):
        return call.name or "*"
    kinds = {"EndpointConfig": CONFIG, "Endpoint": ENDPOINT, "Model": MODEL, "TrainingJob": "training-job"}
    kinds["TransformJob"] = TRANSFORM
    return arn(next(kind for part, kind in kinds.items() if part in call.operation), call.name, call.region)


def _hang(call: Call, rule: Rule, inner: Handler) -> Response:
    time.sleep(rule.seconds)
    return inner(call)


def _fated(fate: Callable[[Rule], Fate]) -> Effect:
    def effect(call: Call, rule: Rule, inner: Handler) -> Response:
        call.fate = fate(rule)
        return inner(call)

    return effect


def _a_pixel_larger(mask: bytes) -> bytes:
    return masks.FORMS[masks.INDEXED](np.pad(png_masks.decode(mask, "the answer"), ((0, 1), (0, 1)), mode="edge"))


def _answering(change: Callable[[bytes], bytes]) -> Effect:
    def effect(call: Call, _: Rule, inner: Handler) -> Response:
        answer = inner(call)
        if answer.status_code == 200:  # noqa: PLR2004 - HTTP's own; else it is an error already
            answer.set_data(change(answer.get_data()))
        return answer

    return effect


def _stale(call: Call, rule: Rule, inner: Handler) -> Response:
    if call.operation.startswith("Create"):
        call.stale = Stale(rule.seconds, rule.calls)
        return inner(call)
    kind, _, name = call.name.rpartition(":")[2].rpartition("/")  # of an ARN, for tags
    kind = kind or KINDS[call.operation.removeprefix("Describe").removeprefix("Delete")]
    return refusal(call, could_not_find(kind, name, call.region))


def _key_refused(call: Call, _: Rule, inner: Handler) -> Response:
    resources = call.parameters.get("TransformResources", {})
    if "KmsKeyId" not in call.parameters and "VolumeKmsKeyId" not in resources:
        return inner(call)
    hosts = call.parameters.get("ProductionVariants", [resources])
    types = ", ".join(host["InstanceType"] for host in hosts)
    return refusal(call, Refused(f"KMS key is not supported for instance type {types} with NVMe instance storage."))


def _over_quota(call: Call) -> Refused:
    use = "transform job" if call.operation == "CreateTransformJob" else "endpoint"
    return Refused(LIMIT.format(use=use), code="ResourceLimitExceeded")


def _after_effect(call: Call, _: Rule, inner: Handler) -> Response:
    inner(call)
    return refusal(call, _internal(call))


def _model_error(status: int, message: str) -> Effect:
    return lambda call, _rule, _inner: invocations.model_error(call, status, message)


# What can happen to an endpoint and to a transform job.
RESOURCE_LIMIT, CAPACITY = _refusing(_over_quota), _fated(lambda _: Fate(NO_CAPACITY))
STAYS = _fated(lambda rule: Fate(UNHEALTHY, rule.seconds) if rule.seconds else NEVER)
# What can happen to few operations alone.
ERRORS_OF: Mapping[str, Mapping[str, Effect]] = {
    "InvokeEndpoint": {
        "body-too-large": lambda _call, _rule, _inner: invocations.too_large(Settings.max_body_bytes),
        "model-error-400": _model_error(400, "unable to evaluate payload provided"),
        "model-error-500": _model_error(500, "Internal Server Error"),
        "model-timeout": _model_error(0, invocations.TIMED_OUT),
        "wrong-size": _answering(_a_pixel_larger),
        **{f"mask-{form}": _answering(partial(masks.converted, form=form)) for form in ("rgb", "16-bit", "scaled")},
        "garbage": lambda _call, _rule, _inner: Response(GARBAGE, 200, content_type="image/png"),
    },
    "CreateEndpoint": {
        "resource-limit": RESOURCE_LIMIT,
        "capacity": CAPACITY,
        "goes-failed": _fated(lambda _: Fate(UNHEALTHY)),
        "stays-creating": STAYS,
    },
    "PutScalingPolicy": {"target-unseen": lambda call, _rule, _inner: refusal(call, scaling.unregistered(call))},
    "CreateEndpointConfig": {"key-refused": _key_refused},
    "CreateTransformJob": {
        "resource-limit": RESOURCE_LIMIT,
        "capacity": CAPACITY,
        "stays-creating": STAYS,
        "records-fail": _fated(lambda rule: Fate(failing_records=rule.calls)),
        "key-refused": _key_refused,
    },
}
ERRORS: Mapping[str, Effect] = {
    "throttling": _refusing(_throttled),
    "unavailable": _refusing(
        lambda _: Refused("Service is unable to handle request.", code="ServiceUnavailable", status=503)
    ),
    "internal": _refusing(_internal),
    "access-denied": _denied,
    "bad-signature": _badly_signed,
    "hang": _hang,
    "after-effect-500": _after_effect,
    "stale": _stale,
    **{error: effect for errors in ERRORS_OF.values() for error, effect in errors.items()},
}
