"""Every single edit of a JSON document that a person, or a stranger, might make."""

import copy
from collections.abc import Iterator
from typing import Any

OTHERS: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "../../x",
    "/etc/passwd",
    "s3://b/k",
    [],
    [1],
    {},
    {"a": {}},
)
GONE = object()


def edits(document: Any) -> Iterator[tuple[str, Any]]:
    """Copies with one value, at any depth, replaced by one of another kind, or taken away; with the path to it."""
    for path in _paths(document, ()):
        for other in (*OTHERS, GONE):
            edited = copy.deepcopy(document)
            place = edited
            for step in path[:-1]:
                place = place[step]
            if other is GONE:
                del place[path[-1]]
            else:
                place[path[-1]] = other
            yield f"{'.'.join(map(str, path))} = {'nothing' if other is GONE else str(other)[:20]}", edited


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))
