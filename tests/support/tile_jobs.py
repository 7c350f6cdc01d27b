"""Jobs of tiles that need no imagery."""

from hashlib import sha256

from tasks.core.jobs import TileJob, plan_jobs
from tasks.core.records import Grid, Tile

WIDTH_PX, HEIGHT_PX = 8, 6


def tile_job(work_directory: str, name: str = "a", *, problem: str | None = None) -> TileJob:
    """The job of a tile of 8 x 6 px whose content and place are made of its name."""
    grid = Grid(WIDTH_PX, HEIGHT_PX, (1.5, 0.0, 300_000.0 + 100 * ord(name), 0.0, -1.5, 6_600_000.0), "EPSG:7855")
    content = sha256(name.encode()).hexdigest()
    tile = Tile(f"{name}.jp2", f"/frames/{name}.jp2", 1, content, grid=None if problem else grid, problem=problem)
    settings = {"width_px": WIDTH_PX, "model_identity": "m", "flood_labels": (1, 2), "max_pixels": 10**6}
    (job,) = plan_jobs([tile], work_directory=work_directory, **settings)
    return job
