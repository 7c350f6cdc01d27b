"""How long a run on this machine would take, by what tiles took before; silent where nothing was measured."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

SECONDS_A_MINUTE = 60


def minutes_by(record: Mapping[str, Any], to_do: Mapping[str, int], at_once: int) -> float | None:
    """Minutes of the stages, by the mean seconds of the tiles for which an earlier run computed them.

    Args:
        record: The earlier run's ``run.json``.
        to_do: Tiles to compute, by stage.
        at_once: Tiles that are worked on at a time.

    Returns:
        None where nothing is to be done, or the record does not tell of a stage.
    """
    means = {stage: _mean_seconds(record, stage) for stage, tiles in to_do.items() if tiles}
    known = {stage: mean for stage, mean in means.items() if mean is not None}
    if not means or len(known) < len(means):
        return None
    return sum(mean * to_do[stage] for stage, mean in known.items()) / at_once / SECONDS_A_MINUTE


def _mean_seconds(record: Mapping[str, Any], stage: str) -> float | None:
    rows = [row for row in record.get("tiles", ()) if row.get("state") == "done" and stage not in row.get("cached", ())]
    seconds = [float(row["seconds_by_stage"][stage]) for row in rows if stage in row.get("seconds_by_stage", {})]
    return fmean(seconds) if seconds else None
