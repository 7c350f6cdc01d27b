"""Estimates of a run, before anything costs money: minutes of its endpoint, minutes of this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.core.tiles.jobs import TileJob

SECONDS_A_MINUTE = 60
PIXELS_A_MEGAPIXEL = 1_000_000
# Deploying on SageMaker took the notebook's authors six and a half minutes (its manual, figure 8).
DEPLOY_MINUTES = 7.0
# Preparing a frame of 100 megapixels takes a processor 0.4 s (`make bench`); fetching it comes on top.
PREPARE_SECONDS_A_MEGAPIXEL = 0.004
# How much of the time that predictions are expected to take an endpoint is given before the last tile is prepared: an
# expectation is no measurement, and an endpoint that waits for tiles is billed all the same.
HEAD_START = 0.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will need of its endpoint.

    Attributes:
        tiles: How many predictions are wanted.
        requests: In how many requests.
        minutes: From creation to deletion.
        predict_minutes: Of these, with as many requests in flight as it serves.
    """

    tiles: int
    requests: int
    minutes: float
    predict_minutes: float

    @classmethod
    def of_jobs(cls, jobs: Sequence[TileJob], *, predict_seconds: float, in_flight: int, processors: int) -> "Estimate":
        """Work out the endpoint's minutes: it is deployed while tiles are prepared, then asked, ``in_flight`` at once.

        Args:
            jobs: Of the tiles that need a prediction.
            predict_seconds: That the endpoint takes for a request.
            in_flight: Requests at once.
            processors: That prepare tiles.
        """
        pixels = sum(job.tile.grid.width_px * job.tile.grid.height_px for job in jobs if job.tile.grid is not None)
        prepare = pixels / PIXELS_A_MEGAPIXEL * PREPARE_SECONDS_A_MEGAPIXEL / processors / SECONDS_A_MINUTE
        requests = sum(len(job.layout) for job in jobs)
        predict = requests * predict_seconds / in_flight / SECONDS_A_MINUTE
        return cls(len(jobs), requests, max(DEPLOY_MINUTES, prepare) + predict, predict)

    def check(self, max_minutes: float) -> None:
        """Refuse a run that would outlive its endpoint.

        Raises:
            UnusableArgument: With the figures, and what can be changed.
        """
        if self.minutes > max_minutes:
            requests = "" if self.requests == self.tiles else f" ({self.requests:,} requests)"
            raise UnusableArgument(
                f"{self.tiles:,} tiles{requests} need the endpoint for about "
                f"{self.minutes:,.0f} minutes, more than `max_endpoint_minutes` ({max_minutes:g}): raise it or "
                "`instance_count`, correct `predict_seconds` (what the endpoint takes for a request), or split "
                "the dataset"
            )


def is_due(*, prepared: int, waiting: int, left: int, seconds: float, predict_seconds: float) -> bool:
    """Whether an endpoint should be created now, to be busy from the moment at which it is ready.

    It takes minutes until it is ready. Then tiles should wait for it, or come as fast as it answers.

    Args:
        prepared: Tiles that were prepared so far, cached ones too.
        waiting: Tiles that wait for the endpoint.
        left: Tiles that are yet to be prepared before it is needed.
        seconds: In which those were prepared.
        predict_seconds: That the predictions are expected to take.
    """
    if not waiting:
        return False
    pace = seconds / max(1, prepared)
    return left * pace <= DEPLOY_MINUTES * SECONDS_A_MINUTE + HEAD_START * predict_seconds


def minutes_by(record: Mapping[str, Any], to_do: Mapping[str, int], at_once: int) -> float | None:
    """Minutes of the stages on this machine, by the mean seconds of the tiles for which an earlier run computed them.

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
