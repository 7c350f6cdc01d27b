"""What the tile-level tasks are asked to do, and the content keys that let them skip what was done before.

A key is the SHA-256 of all that a stage's answer depends on: the frame's content, the settings that matter to the
stage, the model, and the stage's own version. The answers lie in the work directory under their keys, so a changed
frame, width, model or version finds nothing there and is computed anew, and nothing else is. Of sidecars no bytes count
but what they say: the declared NoData for the valid mask, the place for the polygons, neither for the prediction.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict

from tasks.core import imagery, masks, polygons
from tasks.core.chip_layout import ChipLayout
from tasks.core.errors import UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.models.nir_threshold import Split
from tasks.core.record import Record
from tasks.core.tiles.tile import Tile

Stage = Literal["prepare", "predict", "extract"]


@dataclass(frozen=True, slots=True)
class TileJob(Record):
    """One tile's way through prepare, predict and extract.

    Attributes:
        tile: The image.
        grid: The resized grid; None where the header did not give one, and the tile can only fail.
        max_pixels: Pixels that an image may declare.
        flood_labels: Labels that count as flood.
        prepare_key: Content key of the JPEG and the valid mask.
        predict_key: Content key of the label mask.
        extract_key: Content key of the polygons.
        work_directory: Where the answers lie: a local path or ``s3://`` prefix, without a trailing slash.
        nir: What the model is told of the dataset; None where it needs nothing, or it is not known yet.
        with_confidence: Whether the endpoint is asked how sure it is.
        chips: Size and overlap of the pieces that the endpoint is asked for, px; None: one request a tile.
        class_map: The label of each of the model's classes; None where the model, or nobody, says.
    """

    tile: Tile
    grid: Grid | None
    max_pixels: int
    flood_labels: tuple[int, ...]
    prepare_key: str
    predict_key: str
    extract_key: str
    work_directory: str
    nir: Split | None = None
    with_confidence: bool = False
    chips: tuple[int, int] | None = None
    class_map: tuple[int, ...] | None = None

    __pydantic_config__: ClassVar = ConfigDict(extra="ignore")  # for the name in ``to_dict``

    @property
    def name(self) -> str:
        """The tile's id without its extension, as run names show it."""
        return str(PurePosixPath(self.tile.id).with_suffix(""))

    @property
    def layout(self) -> ChipLayout:
        """The chips of the resized image; raises as ``resized``."""
        return ChipLayout(self.resized.width_px, self.resized.height_px, *(self.chips or ()))

    @property
    def jpegs_uri(self) -> str:
        """What the endpoint is sent, a JPEG or an archive of them: scratch, removed after a good run."""
        return f"{self.work_directory}/scratch/{self.prepare_key}.{'jpg' if self.chips is None else 'chips'}"

    @property
    def valid_uri(self) -> str:
        """The valid mask, PNG, 255 where observed."""
        return f"{self.work_directory}/cache/prepare/{self.prepare_key}.valid.png"

    @property
    def preview_uri(self) -> str:
        """A small JPEG for the overview map."""
        return f"{self.work_directory}/cache/prepare/{self.prepare_key}.preview.jpg"

    @property
    def labels_uri(self) -> str:
        """The label mask, 8-bit grey PNG, whatever PNG the model answered in."""
        return f"{self.work_directory}/cache/predict/{self.predict_key}.png"

    @property
    def confidence_uri(self) -> str:
        """How sure each label is, 8-bit grey PNG; not there where the model gave labels alone."""
        return f"{self.work_directory}/cache/predict/{self.predict_key}.confidence.png"

    @property
    def extent_uri(self) -> str:
        """The polygons."""
        return f"{self.work_directory}/cache/extract/{self.extract_key}.wkb"

    def key(self, stage: Stage) -> str:
        """Content key of a stage."""
        return {"prepare": self.prepare_key, "predict": self.predict_key, "extract": self.extract_key}[stage]

    def record_uri(self, stage: Stage) -> str:
        """What a stage's files hold: JSON, written after them, in a folder that holds nothing else."""
        return f"{self.work_directory}/cache/records/{stage}/{self.key(stage)}.json"

    def cached_uris(self, stage: Stage) -> tuple[str, ...]:
        """The record of a stage and the files of its answer that stay in the cache."""
        return self.record_uri(stage), *self.file_uris(stage)

    def file_uris(self, stage: Stage) -> tuple[str, ...]:
        """The files of a stage's answer that stay in the cache."""
        if stage == "prepare":
            return self.valid_uri, self.preview_uri
        return (self.labels_uri if stage == "predict" else self.extent_uri,)

    @property
    def resized(self) -> Grid:
        """The resized grid.

        Raises:
            UnreadableImage: The header probe found something wrong with the tile.
        """
        if self.tile.problem is not None:
            raise UnreadableImage(self.tile.problem)
        if self.grid is None:
            raise UnreadableImage(f"{self.tile.uri}: its place is unknown")
        return self.grid

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as task parameters hold them; with ``name`` for the run's name."""
        return asdict(self) | {"name": self.name}


def content_key(*parts: object) -> str:
    """SHA-256 over the JSON of ``parts``, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def common_scale(tiles: Sequence[Tile], width_px: int) -> float:
    """The factor that makes the widest usable tile ``width_px`` wide; 1 where that would enlarge."""
    widest = max((tile.grid.width_px for tile in tiles if tile.grid and tile.problem is None), default=width_px)
    return min(1.0, width_px / widest)


def target_size(grid: Grid, scale: float) -> tuple[int, int]:
    """Columns and rows of ``grid`` at ``scale``: at least one pixel, never more than it has."""
    width, height = (min(size, max(1, round(size * scale))) for size in (grid.width_px, grid.height_px))
    return width, height


def plan_jobs(
    tiles: Sequence[Tile],
    *,
    width_px: int,
    model_identity: str,
    flood_labels: Sequence[int],
    max_pixels: int,
    work_directory: str,
    with_confidence: bool = False,
    chips: tuple[int, int] | None = None,
    class_map: Sequence[int] | None = None,
    told: Mapping[str, Split] = MappingProxyType({}),
) -> list[TileJob]:
    """A job a tile, all at the same scale, in the order of ``tiles``.

    Args:
        tiles: Of the dataset.
        width_px: Of the widest of them, resized.
        model_identity: What the answers depend on besides frames and settings.
        flood_labels: Labels that count as flood.
        max_pixels: Pixels that an image may declare.
        work_directory: Where the answers lie.
        with_confidence: Whether the endpoint is asked how sure it is.
        chips: Size and overlap of the pieces that it is asked for, px; None: one request a tile.
        class_map: The label of each of the model's classes; None where the model, or nobody, says.
        told: What the model is told, by tile id; of the others nothing is known.
    """
    scale, classes = common_scale(tiles, width_px), None if class_map is None else tuple(class_map)
    asked = _Asked(
        model_identity, tuple(sorted(flood_labels)), max_pixels, work_directory, with_confidence, chips, classes
    )
    return [_plan_job(tile, scale, asked, told.get(tile.id)) for tile in tiles]


class _Asked(NamedTuple):
    """What all tiles of a run have in common: as the arguments of ``plan_jobs``."""

    model_identity: str
    flood_labels: tuple[int, ...]
    max_pixels: int
    work_directory: str
    with_confidence: bool
    chips: tuple[int, int] | None
    class_map: tuple[int, ...] | None

    def of_the_model(self, nir: Split | None) -> dict[str, object]:
        """What an answer depends on besides image and model: of the contrast only how sure it is."""
        confidence = {"confidence": None if nir is None else nir.contrast} if self.with_confidence else {}
        return {"nir": None if nir is None else nir.nir, "labels": self.class_map, **confidence}


def _plan_job(tile: Tile, scale: float, asked: _Asked, nir: Split | None) -> TileJob:
    size = None if tile.grid is None else target_size(tile.grid, scale)
    grid = None if tile.grid is None or size is None else tile.grid.resized(*size)
    image = ("prepare", imagery.VERSION, tile.content_hash, size, asked.chips)
    declared = () if tile.nodata is None else (tile.nodata,)
    of_model = asked.of_the_model(nir)
    predict_key = content_key("predict", masks.VERSION, content_key(*image), asked.model_identity, of_model)
    place = None if grid is None else asdict(grid)
    extract_key = content_key("extract", polygons.VERSION, predict_key, place, asked.flood_labels, *declared)
    keys = content_key(*image, *declared), predict_key, extract_key
    return TileJob(
        tile,
        grid,
        asked.max_pixels,
        asked.flood_labels,
        *keys,
        asked.work_directory,
        nir,
        asked.with_confidence,
        asked.chips,
        asked.class_map,
    )
