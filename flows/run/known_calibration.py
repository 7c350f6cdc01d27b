"""What a run knows of its model's calibration: given, or found in what earlier runs have prepared."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from flows.parameters import RunParameters
from flows.run.completion import EarlierRun
from tasks.calibration import histograms_of
from tasks.core.models.nir_threshold import Split, Threshold, calibrate
from tasks.core.tiles.jobs import TileJob
from tasks.services.work_directory.cached_tiles import recorded


def known_calibration(
    parameters: RunParameters, jobs: Sequence[TileJob], earlier: EarlierRun | None, *, provisional: bool = False
) -> tuple[Threshold, ...] | None:
    """The thresholds, where they are known before any tile is prepared; None where not, or the model needs none.

    Args:
        parameters: Of the run.
        jobs: Of its tiles.
        earlier: The run to complete. With another threshold than its own its tiles would have to be done again; what a
            person has dropped from it takes no part.
        provisional: Whether to go by the tiles that have been prepared so far, for a plan.
    """
    dropped = {} if earlier is None else earlier.dropped
    usable = [job for job in jobs if job.tile.problem is None and job.grid is not None and job.tile.id not in dropped]
    tiles = tuple(job.tile.id for job in usable)
    if parameters.calibration is not None:
        return (Threshold(parameters.calibration, tiles),)
    if not parameters.endpoint_spec().is_calibrated:
        return None
    if earlier is not None and earlier.threshold is not None:
        return (replace(earlier.threshold, tiles=tiles),)
    prepared = recorded(usable, "prepare")
    if len(prepared) < len(usable) and not provisional:
        return None
    histograms = histograms_of(prepared)
    is_enough = provisional or len(histograms) == len(usable)
    return calibrate(histograms) if histograms and is_enough else None


def doubts(parameters: RunParameters, calibration: Iterable[Threshold]) -> tuple[str, ...]:
    """What a person should know of the calibration, or of its absence."""
    if parameters.calibration is not None or not parameters.endpoint_spec().may_lack_threshold:
        return tuple(description(one) for one in calibration if one.problem is not None)
    text = (
        f"no calibration: if {parameters.endpoint_url} holds {parameters.model}, as `model` says, each image "
        "that is sent has a threshold of its own. Give `calibration`; or in `model` a name of yours for what it holds"
    )
    return (text,)


def by_tile(calibration: Iterable[Threshold]) -> dict[str, Split]:
    """What the model is told, by tile id."""
    return {tile: threshold.split for threshold in calibration for tile in threshold.tiles}


def description(threshold: Threshold) -> str:
    """For log, report and page: what the threshold is, of what, and what is wrong with it."""
    known = [(name, value) for name, value in (("water", threshold.water), ("land", threshold.land))]
    medians = ", ".join(f"{name} {value}" for name, value in known if value is not None)
    tiles = "1 tile" if len(threshold.tiles) == 1 else f"{len(threshold.tiles):,} tiles"
    what = f"calibration of {tiles}: water has near infrared below {threshold.nir}"
    found = f"{what} (medians: {medians})" if medians else what
    problem = threshold.problem
    return found if problem is None else f"{found}: {problem}. Look at the map, or give `calibration`"
