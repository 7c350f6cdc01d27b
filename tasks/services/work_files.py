"""Which files of a work directory runs have put there: only these are ever pruned, for a directory may be misnamed."""

import re

from tasks.services import storage, temp_folders

KEY = r"[0-9a-f]{64}[^/]*"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PARTIAL = r"(?:.*/)?\.[0-9a-f]{32}\.partial"
# A product that was put together there and not finished, which people may have looked into.
FAILED = rf"{temp_folders.PREFIX}-(?:{temp_folders.FAILED}-)?product-[^/]*/.*"
PARTS = {
    "cache": rf"(?:records/)?[a-z-]+/{KEY}",
    "results": rf"[a-z-]+-{KEY}",
    "scratch": rf"{KEY}|{FAILED}|product-[0-9a-f]{{32}}/.*",
    "runs": rf"{UUID}\.json",
    "reviews": rf"{UUID}\.json",
}


def prune(work_directory: str, older_than_days: float) -> int:
    """Remove what runs have left in a work directory and not changed for so many days; how many files."""
    return sum(_prune_part(storage.join(work_directory, part), names, older_than_days) for part, names in PARTS.items())


def _prune_part(place: str, names: str, older_than_days: float) -> int:
    ours = re.compile(rf"(?:{names}|{PARTIAL})", re.DOTALL)
    return storage.prune(place, older_than_days, ours=lambda name: ours.fullmatch(name) is not None)
