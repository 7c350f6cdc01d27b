"""The scale that a model of SageMaker's semantic segmentation algorithm was trained at, and that of what it is sent.

In training the long side of every image is set to 0.5 to 2 times the hyperparameter ``base_size``, before crops are
taken: https://docs.aws.amazon.com/sagemaker/latest/dg/segmentation-hyperparameters.html
"""

from collections.abc import Iterable, Mapping

from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.plan import Finding, Verdict

SCALE = "scale"
BASE_SIZE, DEFAULT_PX = "base_size", 520
SMALLEST, LARGEST = 0.5, 2.0


def base_size(hyperparameters: Mapping[str, str]) -> int:
    """Of a training job, px; AWS has hyperparameters as text, and those alone that were set."""
    given = hyperparameters.get(BASE_SIZE, "")
    return int(given) if given.isdecimal() else DEFAULT_PX


def long_side_px(jobs: Iterable[TileJob]) -> int:
    """The long side of the largest tile, resized: all share its scale, in chips too; 0 where none is usable."""
    grids = (job.grid for job in jobs if job.tile.problem is None)
    return max((max(grid.width_px, grid.height_px) for grid in grids if grid is not None), default=0)


def scale_finding(long_side_px: int, base_size: int) -> Finding:
    """Whether images of this size look as they did in training; a warning, for labels may be good all the same.

    Args:
        long_side_px: Of the largest tile, resized; chips of it show ground at the same scale.
        base_size: Hyperparameter of the training job, px.
    """
    low, high = SMALLEST * base_size, LARGEST * base_size
    seen = f"in training it was {low:,g} to {high:,g} px, {SMALLEST:g} to {LARGEST:g} times base_size {base_size}"
    sent = f"`width` makes the long side of the tiles {long_side_px:,} px; {seen}"
    if low <= long_side_px <= high:
        return Finding(SCALE, Verdict.OK, sent)
    if long_side_px > high:
        remedy = f"Set a smaller `width`, so that it is at most {high:,g} px, or host a model of a larger base_size"
    else:
        remedy = f"Set a larger `width`, so that it is at least {low:,g} px, or host a model of a smaller base_size"
    return Finding(SCALE, Verdict.WARNING, f"{sent}. Labels may be wrong. {remedy}")
