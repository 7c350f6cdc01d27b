"""``flood-extent tile FRAME``: one frame prepared, predicted and extracted in this process, all of it kept to look at.

Neither Prefect nor an endpoint nor the cache takes part: what a changed rule does to a frame shows after a second.
"""

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.markup import escape

from flows.command_line.console import make_console
from flows.command_line.options import add_options, parameters_of
from flows.parameters import RunParameters
from flows.preflight import identity_of_model, plan_tiles
from flows.run.known_calibration import description
from tasks.core.arrays import Float32Array, LabelArray
from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.geo.crs import given_crs
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import PreparedImage
from tasks.core.jpeg2000 import sidecars
from tasks.core.masks import png_masks
from tasks.core.masks.answers import Answer
from tasks.core.masks.chip_joining import join
from tasks.core.masks.valid_mask_png import encode_valid
from tasks.core.models import known_models, water_index
from tasks.core.models.nir_threshold import Threshold, calibrate
from tasks.core.polygons.tile_extent import TileExtent, extract
from tasks.core.product.assessment import reason
from tasks.core.product.layer import AnsweredTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.tiles.estimates import PIXELS_A_MEGAPIXEL
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.timing import timed
from tasks.services import storage
from tasks.services.frames import dataset_listing, decoder_process
from tasks.services.frames.frame_files import requested
from tasks.services.storage.uris import dataset_name
from tasks.services.temp_folders import temp_folder

JPEG, CHIPS, VALID_MASK, LABEL_MASK = "prepared.jpg", "prepared_chips.zip", "valid_mask.png", "label_mask.png"
CONFIDENCE, POLYGONS = "confidence.png", "polygons.gpkg"
# Red, green, blue of the labels 0, 1, 2, 3; as indices they are the labels themselves.
PALETTE = (232, 230, 220, 30, 90, 200, 170, 120, 200, 130, 130, 130)
OPTIONS = {"output_directory", "width", "model", "labels", "calibration", "flood_labels", "min_contour_size", "crs"}
OPTIONS |= {"max_tile_megapixels", "confidence", "chip_px", "chip_overlap_px", "device"}


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
        answer: Labels and how sure they are, on the resized grid.
        extent: The polygons.
        threshold: That the model was told; None where it needs none.
        seconds: By stage.
    """

    job: TileJob
    prepared: PreparedImage
    answer: Answer
    extent: TileExtent
    threshold: Threshold | None
    seconds: dict[str, float]


def map_tile(parameters: RunParameters) -> MappedTile:
    """Prepare, predict and extract the frame that ``dataset`` names.

    Raises:
        UnusableArgument: It names several frames, or none; or there is no such model.
        UnreadableImage: The frame cannot be used; the message says why.
        EndpointRefused: The model cannot be loaded, or its answer is none.
    """
    job = _job(parameters)
    grid = job.resized
    with requested(job) as request, timed() as preparing:
        prepared = decoder_process.decode(request)
    with timed() as predicting:
        threshold = _threshold(parameters, prepared, job.tile.id)
        answer = _predicted(parameters, prepared, threshold, job.tile.id)
    with timed() as extracting:
        extent = extract(answer.labels, prepared.valid, grid, job.flood_labels, answer.confidence)
    seconds = {"prepare": preparing.seconds, "predict": predicting.seconds, "extract": extracting.seconds}
    return MappedTile(job, prepared, answer, extent, threshold, seconds)


def _predicted(parameters: RunParameters, prepared: PreparedImage, threshold: Threshold | None, tile: str) -> Answer:
    model = known_models.load(parameters.model, parameters.device, parameters.endpoint_spec().class_map)
    attributes = "" if threshold is None else water_index.attributes(threshold.split)

    def answers() -> Iterator[Float32Array | LabelArray]:
        for _, nrg in prepared.sent():
            found = model.probabilities(nrg, attributes) if parameters.asks_confidence else None
            yield model.predict(nrg, attributes) if found is None else found

    return join(prepared.layout, answers(), tile)


def _threshold(parameters: RunParameters, prepared: PreparedImage, tile: str) -> Threshold | None:
    """What the model is told: as given, else as this frame alone has it."""
    if not parameters.endpoint_spec().is_calibrated:
        return None
    if parameters.calibration is not None:
        return Threshold(parameters.calibration, (tile,))
    return calibrate({tile: water_index.histogram_of_chips(prepared.sent(), prepared.valid)})[0]


def _job(parameters: RunParameters) -> TileJob:
    crs = None if parameters.crs is None else given_crs(parameters.crs)
    max_pixels = parameters.max_tile_megapixels * PIXELS_A_MEGAPIXEL
    tiles = dataset_listing.list_tiles(parameters.dataset, crs=crs, max_pixels=max_pixels)
    if len(tiles) != 1:
        raise UnusableArgument(f"{parameters.dataset}: holds {len(tiles)} frames. Give one of them, or use `run`")
    return plan_tiles(parameters, tiles, identity_of_model(parameters))[0]


def keep(mapped: MappedTile, folder: str, min_contour_size: float) -> tuple[Layer, list[str]]:
    """Write JPEG, masks and polygons; the images with world files, so that they lie in a GIS where the frame does.

    Args:
        mapped: The tile.
        folder: Local or in S3; made where it is not there. Files of these names are replaced, others stay.
        min_contour_size: Smallest polygon and hole kept, m².

    Returns:
        The flood extent, the first of the layers, which are those of a product of this tile alone; and names of files.

    Raises:
        FinalError: The folder cannot be written.
    """
    files = {
        JPEG: mapped.prepared.jpegs,
        VALID_MASK: encode_valid(mapped.prepared.valid),
        LABEL_MASK: _in_colours(mapped.answer.labels),
    }
    if mapped.answer.confidence is not None:
        files[CONFIDENCE] = png_masks.encode(mapped.answer.confidence)
    if len(mapped.prepared.layout) > 1:
        files[CHIPS] = files.pop(JPEG)
    files |= {f"{Path(image).stem}.wld": _world_file(mapped.job.resized) for image in files if image != CHIPS}
    job, unassessed = mapped.job, reason(mapped.job.flood_labels, mapped.job.class_map)
    tile = AnsweredTile(job.tile.id, job.resized, mapped.extent, sum(mapped.seconds.values()), unassessed)
    layers = assemble([tile], [], min_contour_size)
    with temp_folder("tile") as scratch:
        write_geopackage(layers, scratch / POLYGONS, title=mapped.job.tile.id)
        files[POLYGONS] = (scratch / POLYGONS).read_bytes()
    for name, content in files.items():
        storage.write_bytes(storage.join(folder, name), content)
    return layers[0], [name for name in files if not name.endswith(".wld")]


def _in_colours(labels: LabelArray) -> bytes:
    """An indexed PNG whose indices are the labels."""
    image, file = Image.fromarray(labels), io.BytesIO()
    image.putpalette(PALETTE)
    image.save(file, "PNG")
    return file.getvalue()


def _world_file(grid: Grid) -> bytes:
    """The six numbers of ESRI's world file: of the centre of the upper left pixel."""
    a, b, c, d, e, f = grid.transform
    return sidecars.to_bytes((a, d, b, e, c + (a + b) / 2, f + (d + e) / 2))


def run_tile(parameters: RunParameters, console: Console) -> None:
    """Map the frame, keep all of it in a folder named after it, and say what was found."""
    mapped = map_tile(parameters)
    folder = storage.join(storage.resolve(parameters.output_directory), f"{dataset_name(parameters.dataset)}_tile")
    flood, kept = keep(mapped, folder, parameters.min_contour_size)
    grid, extent = mapped.job.resized, mapped.extent
    valid = float(mapped.prepared.valid.mean())
    lines = [
        f"{grid.width_px} x {grid.height_px} px in {grid.crs}; {valid:.1%} valid",
        f"flood: {extent.flood_px:,} px, {len(flood):,} polygons of {flood.columns['area_m2'].sum():,.0f} m² in all",
        *([] if mapped.threshold is None else [description(mapped.threshold)]),
        ", ".join(f"{stage} {taken:.2f} s" for stage, taken in mapped.seconds.items()),
        f"in {folder}: {', '.join(kept)}",
    ]
    for warning in mapped.prepared.warnings:
        console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    console.out("\n".join(lines))
