"""What a run is called in the dashboard: the place, the month of the flight, the number of tiles."""

import re
from collections.abc import Iterable

from tasks.core.text import counted

# Flights are named as 2021_04, 2021-04 or 202104, with or without a day.
MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])(?:[-_]?[0-3]\d)?(?!\d)")


def run_name(dataset_name: str, tiles: Iterable[str], *, of_them: int | None = None) -> str:
    """The name of a run, such as ``brewarrina 2021-04 · 5 tiles``.

    Args:
        dataset_name: What the product is called.
        tiles: Ids of the tiles; a month that all of them name is the flight's.
        of_them: How many are done again, where an earlier run is completed.
    """
    ids = list(tiles)
    place, month = dataset_name.replace("_", " ").strip() or "flood extent", month_of(ids)
    named = [place] if month is None or MONTH.search(dataset_name) else [place, month]
    again = "" if of_them is None else f"{of_them:,} of "
    return f"{' '.join(named)} · {again}{counted(len(ids), 'tile')}"


def month_of(tiles: Iterable[str]) -> str | None:
    """The month that all tile ids name, as ``2021-04``; None where they name none, or several."""
    months = {"-".join(found.groups()) if (found := MONTH.search(tile)) else "" for tile in tiles}
    return months.pop() or None if len(months) == 1 else None
