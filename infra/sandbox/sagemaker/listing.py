"""SageMaker's List operations: filters, order and pages. Moto ignores some and orders others differently."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.sandbox.wire import Refused

DEFAULT_RESULTS, MAX_RESULTS = 10, 100

Summary = Mapping[str, Any]
"""What a list says of one resource, as SageMaker spells it; times in seconds since 1970."""


def page(found: Iterable[Summary], kind: str, parameters: Mapping[str, Any]) -> tuple[Sequence[Summary], str | None]:
    """One page of what a List operation asks for, newest first unless it says otherwise.

    ``found`` is all that there is of a kind: ``Endpoint``, ``EndpointConfig``, ``Model`` or ``TransformJob``.

    Returns:
        The page, and the token of the next one, None on the last. What was deleted between two pages loses no other.

    Raises:
        Refused: The token or a parameter is not one of ours.
    """

    def place(one: Summary) -> tuple[float | str, str]:
        """The name makes it unique, so that a page can go on after it."""
        name: str = one[f"{kind}Name"]
        return {"Name": name, "Status": one.get(f"{kind}Status", ""), "CreationTime": one["CreationTime"]}[by], name

    try:
        by, backwards = parameters.get("SortBy", "CreationTime"), parameters.get("SortOrder") != "Ascending"
        found = sorted((one for one in found if _wanted(one, kind, parameters)), key=place, reverse=backwards)
        if token := parameters.get("NextToken"):
            key, name = json.loads(token)
            found = [one for one in found if (place(one) < (key, name) if backwards else place(one) > (key, name))]
        size = min(int(parameters.get("MaxResults", DEFAULT_RESULTS)), MAX_RESULTS)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"Invalid parameter of the list: {error!r}") from error
    return found[:size], json.dumps(place(found[size - 1])) if len(found) > size else None


def _wanted(one: Summary, kind: str, parameters: Mapping[str, Any]) -> bool:
    created, status = one["CreationTime"], one.get(f"{kind}Status", "")
    modified = one.get("LastModifiedTime", created)
    after, before = parameters.get("CreationTimeAfter"), parameters.get("CreationTimeBefore")
    modified_after, modified_before = parameters.get("LastModifiedTimeAfter"), parameters.get("LastModifiedTimeBefore")
    return (
        str(parameters.get("NameContains", "")).lower() in one[f"{kind}Name"].lower()
        and status == parameters.get("StatusEquals", status)
        and (after is None or created > after)
        and (before is None or created < before)
        and (modified_after is None or modified > modified_after)
        and (modified_before is None or modified < modified_before)
    )
