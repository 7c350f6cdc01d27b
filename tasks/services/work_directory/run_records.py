"""What the work directory keeps of whole runs: the record of each, and what was found before a review.

A product is replaced by the next run's; the record of a run stays here under its id until ``clean`` removes it.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tasks.core.errors import ObjectMissing, UnusableArgument
from tasks.services import storage

RECORD = "run.json"


def record_uri(work_directory: str, run: UUID) -> str:
    """Where a run's ``run.json`` is kept."""
    return storage.join(work_directory, "runs", f"{run}.json")


def findings_uri(work_directory: str, run: UUID) -> str:
    """Where is kept what a run has found, while a person reviews it."""
    return storage.join(work_directory, "reviews", f"{run}.json")


def write(uri: str, values: Mapping[str, Any]) -> None:
    """Write plain values as JSON."""
    storage.write_bytes(uri, json.dumps(values).encode())


def read(uri: str) -> dict[str, Any] | None:
    """Read what ``write`` wrote; None where there is nothing.

    Raises:
        UnusableArgument: It is no JSON object.
    """
    try:
        values = json.loads(storage.read_bytes(uri))
    except ObjectMissing:
        return None
    except (ValueError, RecursionError) as error:
        raise UnusableArgument(f"{uri}: damaged ({error}). Remove it and start again") from error
    if not isinstance(values, dict):
        raise UnusableArgument(f"{uri}: not a record of ours. Remove it and start again")
    return values
