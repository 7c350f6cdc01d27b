"""How many instances an account may have behind SageMaker endpoints, by type, and how many it has.

Those of transform jobs are counted apart, under quotas of another name.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

from tasks.core.tiles.plan import Finding, Verdict
from tasks.services.endpoints.teardown.sagemaker_resources import (
    CONFIG,
    DELETING,
    ENDPOINT,
    IN_PROGRESS,
    PAGE_SIZE,
    STOPPING,
    TRANSFORM,
    pages,
    run_of,
    variants_of,
)

QUOTA = "quota"
# As Service Quotas names what instances are used for.
ENDPOINTS, TRANSFORMS = "endpoint", "transform job"
FREEING = {ENDPOINTS: "delete endpoints", TRANSFORMS: "stop transform jobs"}
SERVICE = "sagemaker"
OWN, DEFAULT = "list_service_quotas", "list_aws_default_service_quotas"
ASKED_AT_ONCE = 8
# Endpoints in these states have no instances, or soon none.
WITHOUT_INSTANCES = frozenset({"Failed", DELETING})


def quota_name(instance_type: str, use: str = ENDPOINTS) -> str:
    """What Service Quotas calls an instance type's quota for a use."""
    return f"{instance_type} for {use} usage"


def quotas_of(client: Any, instance_types: Sequence[str], use: str = ENDPOINTS) -> dict[str, float]:
    """The account's own values, and AWS's for every account where it has none; as few pages are read as it takes.

    Args:
        client: boto3's for Service Quotas.
        instance_types: That are asked for.
        use: ``ENDPOINTS`` or ``TRANSFORMS``.
    """
    found: dict[str, float] = {}
    for operation in (OWN, DEFAULT):
        types = {quota_name(one, use): one for one in instance_types if one not in found}
        listed = pages(client, operation, ServiceCode=SERVICE, MaxResults=PAGE_SIZE) if types else ()
        for quota in (quota for page in listed for quota in page.get("Quotas", ())):
            if quota["QuotaName"] in types and "Value" in quota:
                found[types.pop(quota["QuotaName"])] = float(quota["Value"])
            if not types:
                break
    return found


def instances_in_use(client: Any) -> tuple[Counter[str], Counter[str]]:
    """Instances behind all living endpoints of the account, by type; and those of them that are behind runs' own.

    Args:
        client: boto3's for SageMaker.
    """
    listed = [one for one in ENDPOINT.listed(client) if one["EndpointStatus"] not in WITHOUT_INSTANCES]
    living = [str(one["EndpointName"]) for one in listed]
    total: Counter[str] = Counter()
    of_runs: Counter[str] = Counter()
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        for name, used in zip(living, pool.map(lambda name: _instances_of(client, name), living), strict=True):
            total += used
            of_runs += used if run_of(name) else Counter()
    return total, of_runs


def instances_transforming(client: Any) -> Counter[str]:
    """Instances of all transform jobs of the account that have not ended, by type.

    Args:
        client: boto3's for SageMaker.
    """
    living = [one for status in (IN_PROGRESS, STOPPING) for one in TRANSFORM.listed(client, StatusEquals=status)]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        described = list(pool.map(lambda one: TRANSFORM.described(client, one["TransformJobName"]), living))
    total: Counter[str] = Counter()
    for job in described:
        resources = (job or {}).get("TransformResources", {})
        total[resources.get("InstanceType", "")] += int(resources.get("InstanceCount", 0))
    return +total


def _instances_of(client: Any, name: str) -> Counter[str]:
    """An endpoint that is being created does not say how many it has: its configuration says how many it will."""
    endpoint = ENDPOINT.described(client, name)
    config = None if endpoint is None else CONFIG.described(client, endpoint["EndpointConfigName"])
    if endpoint is None or config is None:  # deleted since it was listed; or its configuration was, and no one can tell
        return Counter()
    counts = {variant["VariantName"]: _count(variant) for variant in variants_of(endpoint)}
    used: Counter[str] = Counter()
    for variant in variants_of(config):
        if "InstanceType" in variant:  # serverless ones have none
            planned = variant.get("InitialInstanceCount", 0)
            used[variant["InstanceType"]] += max(counts.get(variant["VariantName"], planned), 0)
    return used


def _count(variant: Mapping[str, Any]) -> int:
    """While an endpoint grows it counts as what it is to be."""
    return int(max(variant.get("CurrentInstanceCount", 0), variant.get("DesiredInstanceCount", 0)))


def quota_finding(
    types: Sequence[str],
    count: int,
    quotas: Mapping[str, float],
    used: Mapping[str, int],
    later: Mapping[str, int] = MappingProxyType({}),
    use: str = ENDPOINTS,
) -> Finding:
    """Whether a run could have its instances.

    The first type decides: AWS's refusal over a quota ends a run, and the others are for where AWS has none of it.

    Args:
        types: In the order in which they are tried.
        count: Instances that are wanted.
        quotas: By type; a type without one is not known.
        used: Instances that the account has, by type.
        later: Those of them that the run would wait for to go.
        use: ``ENDPOINTS`` or ``TRANSFORMS``.
    """
    message = "; ".join(_quota_text(one, quotas.get(one), used.get(one, 0)) for one in types)
    wanted = f"{count} wanted. {message}"
    first = types[0]
    if first not in quotas:
        return Finding(QUOTA, Verdict.UNKNOWN, f"{wanted}. Check the name of the instance type {first}")
    fitting = [one for one in types if quotas.get(one, 0) - used.get(one, 0) >= count]
    if first in fitting:
        return Finding(QUOTA, Verdict.OK, f"{first} fits: {wanted}")
    if quotas[first] - used.get(first, 0) + later.get(first, 0) >= count:
        text = f"{first} fits when the endpoints of other runs are gone, which the run would wait for: {wanted}"
        return Finding(QUOTA, Verdict.WARNING, text)
    remedy = f"name {fitting[0]} as `instance_type`, which fits" if fitting else f"{FREEING[use]}, name another type"
    return Finding(
        QUOTA,
        Verdict.PROBLEM,
        f"{first} does not fit: {wanted}. Ask for a higher quota (AWS Service Quotas, "
        f"'{quota_name(first, use)}') or {remedy}",
    )


def _quota_text(instance_type: str, quota: float | None, used: int) -> str:
    known = "quota not known" if quota is None else f"quota {quota:g}"
    return f"{instance_type}: {known}, {used} in use"
