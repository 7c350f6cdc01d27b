"""Has AWS change the number of an endpoint's instances by the load (Application Auto Scaling, target tracking).

A run goes on without it: where AWS refuses, the endpoint keeps the instances that it has, and the run's record says so.
"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.services.endpoints.contract import NOT_SCALED, EndpointSpec
from tasks.services.endpoints.sagemaker.aws_errors import translated
from tasks.services.endpoints.sagemaker.aws_sessions import patient_client
from tasks.services.endpoints.sagemaker.hosting import Host
from tasks.services.endpoints.teardown.sagemaker_resources import code_of
from tasks.services.endpoints.teardown.scalable_targets import NOT_FOUND, SERVICE, target_of

# With which AWS recommends to begin: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html
SAFETY_FACTOR = 0.5
SECONDS_A_MINUTE = 60
POLICY_TYPE, METRIC = "TargetTrackingScaling", "SageMakerVariantInvocationsPerInstance"
# What passes in a moment: a target that was registered just now, a role that AWS makes with the first of an account.
SOON = frozenset({NOT_FOUND, "ConcurrentUpdateException", "FailedResourceAccessException"})
TRIES, PAUSE_SECONDS = 3, 1.0
# Of the facts of a deployment.
TARGET_VALUE = "scaling_target"


def target_value(spec: EndpointSpec) -> float:
    """Invocations a minute and instance that AWS keeps the endpoint at: it adds instances above, removes them below.

    Half of what an instance answers at most, as AWS recommends for a beginning: ``SAFETY_FACTOR`` times requests a
    second times 60. A run keeps every instance busy as long as it has tiles, so it gets more of them, up to the most
    that it may have, unless requests take twice as long as ``predict_seconds`` says.
    """
    return SAFETY_FACTOR * spec.requests_per_instance / spec.predict_seconds * SECONDS_A_MINUTE


def begin(host: Host, name: str, spec: EndpointSpec) -> dict[str, Any]:
    """Register an endpoint in service as a scalable target, with a policy on its invocations.

    Cooldowns are AWS's own, 300 s each for SageMaker, about what an instance takes to come up. The target carries the
    run's tags; it needs no lease, since it ends with its endpoint.

    Args:
        host: Whose session asks, and whose lease the tags come from.
        name: Of the endpoint.
        spec: Says how many instances there may be.

    Returns:
        Facts for the report: ``scaling_target``, or why it keeps its instances, ``not_scaled``.

    Raises:
        EndpointRefused: The run is being torn down.
    """
    value = target_value(spec)
    try:
        with translated(f"autoscaling of endpoint {name}"):
            client = patient_client(host.session, SERVICE)
            _again(host, lambda: _register(client, host, name, spec))
            _again(host, lambda: _put_policy(client, name, value))
    except (EndpointRefused, EndpointUnavailable) as error:
        host.go_on()
        kept = f"{spec.instance_count} instance{'s' if spec.instance_count > 1 else ''}"
        return {NOT_SCALED: f"the endpoint kept its {kept}, and `max_instance_count` had no effect: {error}"}
    host.report(
        f"endpoint {name} is scaled between {spec.instance_count} and {spec.most_instances} instances, "
        f"at {value:g} invocations a minute each"
    )
    return {TARGET_VALUE: round(value, 2)}


def _register(client: Any, host: Host, name: str, spec: EndpointSpec) -> None:
    least, most = spec.instance_count, spec.most_instances
    client.register_scalable_target(
        **target_of(name), MinCapacity=least, MaxCapacity=most, Tags=host.lease.tags_of_target()
    )


def _put_policy(client: Any, name: str, value: float) -> None:
    configuration = {"TargetValue": value, "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC}}
    client.put_scaling_policy(
        **target_of(name),
        PolicyName=name,
        PolicyType=POLICY_TYPE,
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def _again(host: Host, ask: Callable[[], object]) -> None:
    """Ask, and again where AWS may do it in a moment: it reads with eventual consistency."""
    for _ in range(TRIES - 1):
        host.go_on()
        try:
            ask()
        except ClientError as error:
            if code_of(error) not in SOON:
                raise
            host.pause(PAUSE_SECONDS)
        else:
            return
    ask()
