"""Which files of a work directory runs have put there: only these are ever pruned, for a directory may be misnamed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tasks.core.errors import UnusableArgument
from tasks.services import storage, temp_folders

KEY = r"[0-9a-f]{64}[^/]*"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PARTIAL = r"(?:.*/)?\.[0-9a-f]{32}\.partial"
# A product that was put together there and not finished, which people may have looked into.
FAILED = rf"{temp_folders.PREFIX}-(?:{temp_folders.FAILED}-)?product-[^/]*/.*"
# As runs name what they have in SageMaker: ``endpoints/teardown/sagemaker_resources``.
JOB = r"flood-extent-[0-9a-f]{32}-[1-9][0-9]{0,3}"
PARTS = {
    "cache": rf"(?:records/)?[a-z-]+/{KEY}",
    "results": rf"[a-z-]+-{KEY}",  # of earlier versions
    "scratch": rf"{KEY}|{FAILED}|product-[0-9a-f]{{32}}/.*",
    "batch": rf"{JOB}/(?:(?:manifest|inputs|answers/{JOB})\.json|in/{KEY}|out/{JOB}/.*\.out)",
    "campaigns": rf"{UUID}/(?:prepare|all)-\d+(?:\.ended)?\.json",
    "runs": rf"{UUID}\.json",
    "reviews": rf"{UUID}\.json",
}
CONTENTS = {
    "cache": "cached answers of tiles",
    "results": "Prefect's results of tasks",
    "scratch": "intermediate images and failed products",
    "batch": "images and answers of transform jobs",
    "campaigns": "what campaigns have ordered of their blocks",
    "runs": "records of runs",
    "reviews": "what runs have found before a review",
}


def check_work_directory(work_directory: str) -> None:
    """Refuse a place that no run has used: it is named by mistake.

    Raises:
        UnusableArgument: It does not exist, or holds nothing that a run has put there.
    """
    work = storage.resolve(work_directory)
    if not storage.is_folder(work):
        raise UnusableArgument(f"`work_directory` {work_directory}: does not exist. Check the name")
    if not any(_is_used(storage.join(work, part), names) for part, names in PARTS.items()):
        raise UnusableArgument(
            f"`work_directory` {work_directory}: is no work directory, for no run has put anything there. Give the one "
            "that runs were given (by default the folder work where they were started)"
        )


def _is_used(place: str, names: str) -> bool:
    """Whether a part holds a file of ours, or is an empty folder, as one that was cleaned."""
    if not storage.is_folder(place) or (not storage.is_s3(place) and Path(place).is_symlink()):
        return False
    found = (info.relative_path for info in storage.walk(place)) if storage.is_s3(place) else _files(place)
    is_empty = True
    for name in found:  # a cache may hold millions: the first of ours is enough
        if _ours(names).fullmatch(name):
            return True
        is_empty = False
    return is_empty


def _files(place: str) -> Iterator[str]:
    """Relative paths of the files below a local folder; links are not followed."""
    for here, _, names in os.walk(place):
        yield from ((Path(here) / name).relative_to(place).as_posix() for name in names)


def prune(work_directory: str, older_than_days: float) -> dict[str, int]:
    """Remove what runs have left in a work directory and not changed for so many days; how many files of each part."""
    return {
        part: storage.prune(storage.join(work_directory, part), older_than_days, ours=_ours(names).fullmatch)
        for part, names in PARTS.items()
    }


def _ours(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{names}|{PARTIAL})", re.DOTALL)
