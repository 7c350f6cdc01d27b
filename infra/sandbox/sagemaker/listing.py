"""SageMaker's List operations: filters, order and pages. Moto ignores some and orders others differently."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.sandbox.wire import Refused

DEFAULT_RESULTS, MAX_RESULTS = 10, 100


@dataclass(frozen=True)
class Entry:
    """What can be listed.

    Attributes:
        name: Unique within its kind.
        arn: Its ARN.
        created: Seconds since 1970.
        modified: Seconds since 1970; the same as ``created`` for what never changes.
        status: Of an endpoint; empty otherwise.
    """

    name: str
    arn: str
    created: float
    modified: float
    status: str = ""

    def place(self, sort_by: str) -> tuple[float | str, str]:
        """Its place in the order; the name makes it unique, so that a page can go on after it."""
        keys: Mapping[str, float | str] = {"Name": self.name, "Status": self.status, "CreationTime": self.created}
        return keys[sort_by], self.name


def page(entries: Iterable[Entry], parameters: Mapping[str, Any]) -> tuple[Sequence[Entry], str | None]:
    """One page of what a List operation asks for, newest first unless it says otherwise.

    Returns:
        The page, and the token of the next one, None on the last. What was deleted between two pages loses no other.

    Raises:
        Refused: The token or a parameter is not one of ours.
    """
    try:
        sort_by, backwards = parameters.get("SortBy", "CreationTime"), parameters.get("SortOrder") != "Ascending"
        found = sorted((one for one in entries if _wanted(one, parameters)), key=lambda one: one.place(sort_by))
        if backwards:
            found.reverse()
        if token := parameters.get("NextToken"):
            key, name = json.loads(token)
            found = [one for one in found if _beyond(one.place(sort_by), (key, name), backwards)]
        size = min(int(parameters.get("MaxResults", DEFAULT_RESULTS)), MAX_RESULTS)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"Invalid parameter of the list: {error!r}") from error
    more = json.dumps(found[size - 1].place(sort_by)) if len(found) > size else None
    return found[:size], more


def _beyond(place: tuple[float | str, str], last: tuple[Any, Any], backwards: bool) -> bool:
    return place < last if backwards else place > last


def _wanted(entry: Entry, parameters: Mapping[str, Any]) -> bool:
    after, before = parameters.get("CreationTimeAfter"), parameters.get("CreationTimeBefore")
    modified_after, modified_before = parameters.get("LastModifiedTimeAfter"), parameters.get("LastModifiedTimeBefore")
    return (
        str(parameters.get("NameContains", "")).lower() in entry.name.lower()
        and entry.status == parameters.get("StatusEquals", entry.status)
        and (after is None or entry.created > after)
        and (before is None or entry.created < before)
        and (modified_after is None or entry.modified > modified_after)
        and (modified_before is None or entry.modified < modified_before)
    )
