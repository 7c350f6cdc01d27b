"""``flood-extent tile FRAME``: one frame prepared, predicted and extracted in this process, all of it kept to look at.

Neither Prefect nor an endpoint nor the cache takes part: what a changed rule does to a frame shows after a second.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.markup import escape

from flows.command_line.console import make_console
from flows.command_line.options import add_options, parameters_of
from flows.parameters import RunParameters
from tasks.core.errors import UnreadableImage, UnusableArgument
from tasks.core.formats.product_files import write_geopackage
from tasks.core.geo.crs import given_crs
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import PreparedImage
from tasks.core.masks.labels import LabelArray
from tasks.core.masks.valid_masks import encode_valid
from tasks.core.models import registry
from tasks.core.polygons.tile_extent import TileExtent, extract
from tasks.core.product.layers import AnsweredTile, Layer, assemble
from tasks.core.tiles.jobs import TileJob, plan_jobs
from tasks.services.frames import dataset_listing, decoder
from tasks.services.frames.frame_files import at_hand
from tasks.services.storage.uris import dataset_name, resolve

JPEG, VALID_MASK, LABEL_MASK, POLYGONS = "prepared.jpg", "valid_mask.png", "label_mask.png", "polygons.gpkg"
# Red, green, blue of the labels 0, 1, 2; as indices they are the labels themselves.
PALETTE = (232, 230, 220, 30, 90, 200, 170, 120, 200)
MEGA = 1_000_000
OPTIONS = {"output_directory", "width", "model", "flood_labels", "min_contour_size", "crs", "max_tile_megapixels"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The frame, and those options of a run that change what is made of one."""
    parser.add_argument("dataset", metavar="FRAME", help="a JPEG2000 frame: a local file or an s3:// URI")
    add_options(parser, leave_out=frozenset(RunParameters.model_fields) - OPTIONS)


def run(options: argparse.Namespace) -> int:
    """Map one frame in this process."""
    run_tile(parameters_of(options), make_console())
    return 0


@dataclass(frozen=True)
class MappedTile:
    """What became of a frame.

    Attributes:
        job: What was asked of it.
        prepared: JPEG and valid mask.
        labels: (height, width) uint8, on the resized grid.
        extent: The polygons.
        seconds: By stage.
    """

    job: TileJob
    prepared: PreparedImage
    labels: LabelArray
    extent: TileExtent
    seconds: dict[str, float]


def map_tile(parameters: RunParameters) -> MappedTile:
    """Prepare, predict and extract the frame that ``dataset`` names.

    Raises:
        UnusableArgument: It names several frames, or none.
        UnreadableImage: The frame cannot be used; the message says why.
        EndpointRefused: There is no such model.
    """
    job = _job(parameters)
    seconds: dict[str, float] = {}
    grid = job.resized
    if job.tile.grid is None:
        raise UnreadableImage(f"{job.tile.uri}: its place is unknown")
    with at_hand(job.tile) as path, _timed(seconds, "prepare"):
        request = decoder.Request(
            str(path), job.tile.grid, grid.width_px, grid.height_px, job.max_pixels, job.tile.nodata
        )
        prepared = decoder.decode(request)
    with _timed(seconds, "predict"):
        nrg = cv2.imdecode(np.frombuffer(prepared.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        labels = registry.load(parameters.model)(np.asarray(nrg, np.uint8))
    with _timed(seconds, "extract"):
        extent = extract(labels, prepared.valid, grid, job.flood_labels)
    return MappedTile(job, prepared, labels, extent, seconds)


def _job(parameters: RunParameters) -> TileJob:
    max_pixels = parameters.max_tile_megapixels * MEGA
    crs = None if parameters.crs is None else given_crs(parameters.crs)
    tiles = dataset_listing.list_tiles(parameters.dataset, crs=crs, max_pixels=max_pixels)
    if len(tiles) != 1:
        raise UnusableArgument(f"{parameters.dataset}: holds {len(tiles)} frames. Give one of them, or use `run`")
    (job,) = plan_jobs(
        tiles,
        width_px=parameters.width,
        model_identity=registry.identity(parameters.model),
        flood_labels=parameters.flood_labels,
        max_pixels=max_pixels,
        work_directory="",
    )
    return job


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - started


def keep(mapped: MappedTile, folder: Path, min_contour_size: float) -> list[Layer]:
    """Write JPEG, masks and polygons; the images with world files, so that they lie in a GIS where the frame does.

    Args:
        mapped: The tile.
        folder: Made where it is not there. Files of these names are replaced, others stay.
        min_contour_size: Smallest polygon and hole kept, m².

    Returns:
        The layers that were written: those of a product of this tile alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JPEG).write_bytes(mapped.prepared.jpeg)
    (folder / VALID_MASK).write_bytes(encode_valid(mapped.prepared.valid))
    labels = Image.fromarray(mapped.labels, "P")
    labels.putpalette(PALETTE)
    labels.save(folder / LABEL_MASK)
    world = _world_file(mapped.job.resized)
    for image in (JPEG, VALID_MASK, LABEL_MASK):
        (folder / image).with_suffix(".wld").write_text(world)
    tile = AnsweredTile(mapped.job.tile.id, mapped.job.resized, mapped.extent, sum(mapped.seconds.values()))
    layers = assemble([tile], [], min_contour_size)
    write_geopackage(layers, folder / POLYGONS, title=mapped.job.tile.id)
    return layers


def _world_file(grid: Grid) -> str:
    """The six numbers of ESRI's world file: of the centre of the upper left pixel."""
    a, b, c, d, e, f = grid.transform
    return "\n".join(map(repr, (a, d, b, e, c + (a + b) / 2, f + (d + e) / 2))) + "\n"


def run_tile(parameters: RunParameters, console: Console) -> None:
    """Map the frame, keep all of it in a folder named after it, and say what was found."""
    mapped = map_tile(parameters)
    folder = Path(resolve(parameters.output_directory)) / f"{dataset_name(parameters.dataset)}_tile"
    layers = keep(mapped, folder, parameters.min_contour_size)
    grid, extent = mapped.job.resized, mapped.extent
    valid = float(mapped.prepared.valid.mean())
    lines = [
        f"{grid.width_px} x {grid.height_px} px in {grid.crs}; {valid:.1%} valid",
        f"flood: {extent.flood_px:,} px, {sum(len(layer) for layer in layers[:1]):,} polygons",
        ", ".join(f"{stage} {taken:.2f} s" for stage, taken in mapped.seconds.items()),
        f"in {folder}: {JPEG}, {VALID_MASK}, {LABEL_MASK}, {POLYGONS}",
    ]
    for warning in mapped.prepared.warnings:
        console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    for line in lines:
        console.print(escape(line), soft_wrap=True)
