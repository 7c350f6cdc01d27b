"""Scalable targets of Application Auto Scaling: what makes AWS change the number of an endpoint's instances.

A target is named by the endpoint that it scales, and carries the tags of the run. Deregistering it deletes its
policies (https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html), and with
them the alarms that AWS made for them. AWS deregisters a target by itself when its endpoint is deleted, and refuses
that deletion to whoever may not deregister (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html).
It is done here all the same, and first: a change that began now would make AWS refuse the deletion while it lasts.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tasks.services.endpoints.teardown.sagemaker_resources import DENIED, code_of, is_ours, pages, run_of

SERVICE, NAMESPACE, DIMENSION = "application-autoscaling", "sagemaker", "sagemaker:variant:DesiredInstanceCount"
# The one variant of an endpoint of ours.
VARIANT = "AllTraffic"
RESOURCE = re.compile(r"endpoint/(?P<name>[^/]+)/variant/[^/]+")
PAGE_SIZE = 50  # the most that AWS gives
NOT_FOUND = "ObjectNotFoundException"
TARGET = "scalable target"


def target_of(name: str) -> dict[str, str]:
    """How Application Auto Scaling calls an endpoint's instances."""
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": f"endpoint/{name}/variant/{VARIANT}",
        "ScalableDimension": DIMENSION,
    }


def scaled_names(client: Any) -> set[str]:
    """Names like ours that have a scalable target; none where AWS does not let it be known.

    A role that was made before there were any may not ask: no reason to leave endpoints alone.

    Args:
        client: boto3's for Application Auto Scaling.

    Raises:
        ClientError: AWS refuses for another reason; or another of ``AWS_ERRORS``.
    """
    found = (RESOURCE.fullmatch(target["ResourceId"]) for target in _listed(client))
    return {match["name"] for match in found if match and run_of(match["name"])}


def deregister(client: Any, name: str) -> bool | None:
    """Deregister an endpoint's scalable target, if there is one and its tags say that it is ours.

    Args:
        client: boto3's for Application Auto Scaling.
        name: Of the endpoint, which need not exist any more.

    Returns:
        True where none is left; False where there is one that is not ours; None where AWS does not let it be known:
        whoever may not ask has not registered any.

    Raises:
        ClientError: AWS refuses; or another of ``AWS_ERRORS``.
    """
    wanted = target_of(name)
    try:
        there = list(_described(client, ResourceIds=[wanted["ResourceId"]]))
    except ClientError as error:
        if code_of(error) in DENIED:
            return None
        raise
    try:
        for target in there:
            tags = client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
            if not is_ours(name, tags):
                return False
            client.deregister_scalable_target(**wanted)
    except ClientError as error:
        if code_of(error) not in (NOT_FOUND, "ResourceNotFoundException"):  # somebody else did it meanwhile
            raise
    return True


def _listed(client: Any) -> Iterator[Mapping[str, Any]]:
    try:
        yield from _described(client)
    except ClientError as error:
        if code_of(error) not in DENIED:
            raise


def _described(client: Any, **only: Any) -> Iterator[Mapping[str, Any]]:
    asked = {"ServiceNamespace": NAMESPACE, "ScalableDimension": DIMENSION, "MaxResults": PAGE_SIZE, **only}
    for page in pages(client, "describe_scalable_targets", **asked):
        yield from page.get("ScalableTargets", ())
