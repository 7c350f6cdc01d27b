"""``run.json``: what a run was asked, what became of every tile, and what the product is.

Keys are stable: programs read them. Times are ISO 8601 in UTC, areas in hectares or square metres on the ellipsoid.
"""

import json
import math
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, TypedDict, cast

import numpy as np
import rasterio
import shapely

from tasks.core.geo.areas import M2_PER_HECTARE, ellipsoidal_area_m2
from tasks.core.models.nir_threshold import Threshold
from tasks.core.product.edition import Edition, Source
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import content_hash
from tasks.core.product.mapped_pixel import mapped_pixel_m
from tasks.core.product.to_check import ToCheck, to_check
from tasks.core.redaction import redact
from tasks.core.reports.seals import BLANK, RECORD_SEAL, seal_record
from tasks.core.smoothing.proof import Proof
from tasks.core.tiles.jobs import content_key
from tasks.core.tiles.ledger import DROPPED, Account
from tasks.core.tiles.tile import Tile

CAPTURE = ("captured", "sensor")  # of a tile; most frames say nothing of it
PACKAGES = ("flood-extent", "prefect", "numpy", "opencv-python-headless", "rasterio", "shapely", "pyproj", "pyogrio")


class TileRow(TypedDict):
    """One tile.

    ``seconds_by_stage`` is 0 for a stage whose answer was remembered, and such stages are in ``cached``. ``pad_px`` are
    pixels that the model called flood and that lie in padding. ``error`` is None where ``state`` is ``done``; else the
    areas and ``pad_px`` are, for no answer is not "nothing". ``task_run`` is the id of the task run that failed, on the
    Prefect server that the run reported to; None where none did. ``unusable`` says that the frame itself is what is
    wrong; ``frame_hash`` changes when the frame does, or what its sidecars say. ``nir_threshold`` and
    ``nir_contrast`` are what the model was told, or None. ``src_id``, ``captured`` (a month, a day, or a time, UTC) and
    ``gsd_m`` are those of the table ``source``, or None.
    """

    tile: str
    state: str
    stage: str
    seconds: float
    seconds_by_stage: dict[str, float]
    cached: list[str]
    frame_hash: str
    error: str | None
    unusable: bool
    task_run: str | None
    flood_m2: float | None
    observed_m2: float | None
    overlap_m2: float | None
    pad_px: int | None
    warnings: list[str]
    nir_threshold: int | None
    nir_contrast: int | None
    src_id: int | None
    captured: str | None
    gsd_m: float | None


class Counts(TypedDict):
    """Numbers of tiles; ``unplaced`` are those without an answer whose ground is not known and in no area."""

    tiles: int
    done: int
    failed: int
    dropped: int
    unplaced: int


class Totals(TypedDict):
    """Areas over all CRSs; ``not_assessed_ha`` is without what another tile observed.

    ``normal_water_ha`` and ``flood_trace_ha`` are None where no normal water was given to tell flood from.
    """

    flooded_ha: float
    observed_ha: float
    not_assessed_ha: float
    normal_water_ha: float | None
    flood_trace_ha: float | None


class RunRecord(TypedDict):
    """The whole of ``run.json``.

    ``dataset`` is the resolved URI; ``state`` is called as the final state; ``parameters`` are the flow's, as JSON
    holds them; ``content_hash`` is ``layers.content_hash``; ``files`` are SHA-256 by relative path of the product's
    other files but its zip; ``endpoint`` holds kind, name, model, created, in_service, deleted and what else is known
    of its life, or None where no endpoint was needed; ``model_identity`` is what the answers depend on besides the
    frames and settings; ``calibration`` holds the thresholds that the model was told (``Threshold``, with the number of
    tiles for each), or is None where it needs none; ``review`` is what a person decided, or None where nobody was
    asked; ``edition`` what the product says of itself (``Edition``, whose sources are in ``tiles``), or None without a
    product; ``given`` are the files of areas that people gave, with the frames outside the area of interest, or None;
    ``bounds`` west, south, east, north of what was observed, degrees on WGS 84, west above east where it crosses the
    antimeridian; ``mapped_pixel_m`` the side of the smallest and of the largest mapped pixel, metres on the ground;
    ``smoothing`` what copies of the outlines without pixel steps have cost (``Proof``), or None; ``to_check`` the
    places most worth a person's look. A run without a product has neither bounds nor pixel nor content hash.
    ``record_hash`` is the SHA-256 of the file itself with 64 zeros in this place (``reports.seals``).
    """

    dataset: str
    flow_run_id: str
    state: str
    model_identity: str
    calibration: list[dict[str, Any]] | None
    review: dict[str, Any] | None
    edition: dict[str, Any] | None
    given: dict[str, Any] | None
    started: str
    finished: str
    parameters: dict[str, Any]
    counts: Counts
    totals: Totals
    bounds: tuple[float, float, float, float] | None
    mapped_pixel_m: tuple[float, float] | None
    smoothing: dict[str, Any] | None
    to_check: ToCheck
    warnings: list[str]
    tiles: list[TileRow]
    endpoint: dict[str, Any] | None
    versions: dict[str, str]
    content_hash: str
    files: dict[str, str]
    record_hash: str


def run_record(
    *,
    dataset: str,
    flow_run_id: str,
    state: str,
    parameters: Mapping[str, Any],
    accounts: Iterable[Account],
    layers: Sequence[Layer],
    started: datetime,
    finished: datetime,
    model_identity: str = "",
    calibration: Sequence[Threshold] | None = None,
    review: Mapping[str, Any] | None = None,
    edition: Edition | None = None,
    given: Mapping[str, Any] | None = None,
    smoothing: Proof | None = None,
    endpoint: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    bounds: tuple[float, float, float, float] | None = None,
    warnings: Sequence[str] = (),
) -> RunRecord:
    """Gather the record, without credentials, from its parts, what became of each tile (``accounts``) and the layers.

    Times have a time zone.
    """
    tiles = tile_rows(accounts, layers, () if edition is None else edition.sources)
    record: RunRecord = {
        "dataset": dataset,
        "flow_run_id": flow_run_id,
        "state": state,
        "model_identity": model_identity,
        "calibration": None if calibration is None else [_threshold(one) for one in calibration],
        "review": None if review is None else dict(review),
        "edition": None if edition is None else edition_facts(edition),
        "given": None if given is None else dict(given),
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "finished": finished.astimezone(UTC).isoformat(timespec="seconds"),
        "parameters": dict(parameters),
        "counts": _counts(tiles, layers),
        "totals": totals(layers),
        "bounds": bounds,
        "mapped_pixel_m": mapped_pixel_m(layers),
        "smoothing": None if smoothing is None else smoothing.to_dict(),
        "to_check": to_check(layers),
        "warnings": list(warnings),
        "tiles": tiles,
        "endpoint": None if endpoint is None else dict(endpoint),
        "versions": software_versions(),
        "content_hash": content_hash(layers) if layers else "",
        "files": dict(files or {}),
        "record_hash": "",  # of the bytes, once they are written
    }
    return cast("RunRecord", redact(record))


def _threshold(threshold: Threshold) -> dict[str, Any]:
    """For the record, where each tile's row has its own."""
    return threshold.to_dict() | {"tiles": len(threshold.tiles)}


def edition_facts(edition: Edition) -> dict[str, Any]:
    """What a product says of itself, without what stands elsewhere in the record."""
    elsewhere = {"dataset", "sources", "run_id", "model_id", "made"}
    return {name: value for name, value in edition.to_dict().items() if name not in elsewhere}


def to_json(record: RunRecord) -> bytes:
    """The bytes of ``run.json``: ASCII only, as a name on disk need not be valid text; no NaN, which is no JSON.

    Its last key is a hash of itself, by which a change shows.
    """
    others = {key: value for key, value in _finite(record).items() if key != RECORD_SEAL}
    sealed = {**others, RECORD_SEAL: BLANK}
    return seal_record(json.dumps(sealed, indent=2, allow_nan=False).encode() + b"\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value if isinstance(value, str | int | None) else str(value)


def tile_rows(accounts: Iterable[Account], layers: Sequence[Layer], sources: Iterable[Source] = ()) -> list[TileRow]:
    """A row a tile, with its areas from the ``tiles`` layers, and what is known of it as a source."""
    measured = {str(row["tile"]): row for layer in _of(layers, "tiles") for row in _rows(layer)}
    source_of = {source.tile: source for source in sources}
    ids = ((account, account.job.tile.id) for account in accounts)
    return [_tile_row(account, measured.get(tile, {}), source_of.get(tile)) for account, tile in ids]


def seconds_by_stage(tiles: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Time spent on all tiles of a record, by stage."""
    sums: Counter[str] = Counter()
    for tile in tiles:
        sums.update(tile["seconds_by_stage"])
    return dict(sums)


def frame_hash(tile: Tile) -> str:
    """SHA-256 of all that listing has found out about a frame: its content, size, place, NoData, and what is wrong."""
    said = {name: value for name, value in tile.to_dict().items() if name not in CAPTURE or value is not None}
    return content_key(said)


def _tile_row(account: Account, measured: Mapping[str, Any], source: Source | None) -> TileRow:
    nir, captured = account.job.nir, None if source is None else source.captured
    return {
        "tile": account.job.tile.id,
        "state": account.state,
        "stage": account.stage,
        "seconds": round(sum(account.seconds.values()), 3),
        "seconds_by_stage": {stage: round(seconds, 3) for stage, seconds in account.seconds.items()},
        "cached": list(account.cached),
        "frame_hash": frame_hash(account.job.tile),
        "error": account.error,
        "unusable": account.unusable,
        "task_run": account.task_run or None,
        "flood_m2": _known(measured.get("flood_m2")),
        "observed_m2": _known(measured.get("observed_m2")),
        "overlap_m2": _known(measured.get("overlap_m2")),
        "pad_px": measured.get("pad_px"),
        "warnings": list(account.warnings),
        "nir_threshold": None if nir is None else nir.nir,
        "nir_contrast": None if nir is None else nir.contrast,
        "src_id": None if source is None else source.src_id,
        "captured": None if captured is None else str(captured),
        "gsd_m": None if source is None or source.gsd_m is None else round(source.gsd_m, 4),
    }


def _known(area_m2: float | None) -> float | None:
    return None if area_m2 is None or math.isnan(area_m2) else round(area_m2, 2)


def _rows(layer: Layer) -> list[dict[str, Any]]:
    values = zip(*(column.tolist() for column in layer.columns.values()), strict=True)
    return [dict(zip(layer.columns, row, strict=True)) for row in values]


def _counts(tiles: Sequence[TileRow], layers: Sequence[Layer]) -> Counts:
    failed, dropped = (sum(tile["state"] == state for tile in tiles) for state in ("failed", DROPPED))
    unplaced = sum(int(shapely.is_missing(layer.geometries).sum()) for layer in _of(layers, "tiles"))
    done = len(tiles) - failed - dropped
    return {"tiles": len(tiles), "done": done, "failed": failed, "dropped": dropped, "unplaced": unplaced}


def totals(layers: Sequence[Layer]) -> Totals:
    """Flooded, observed and not assessed ground; what a failed tile covers and another saw is observed."""
    flooded, observed = (_area_ha(layers, name) or 0.0 for name in ("flood_extent", "area_observed"))
    return {
        "flooded_ha": flooded,
        "observed_ha": observed,
        "not_assessed_ha": round(_not_assessed_m2(layers) / M2_PER_HECTARE, 4),
        "normal_water_ha": _area_ha(layers, "normal_water"),
        "flood_trace_ha": _area_ha(layers, "flood_trace"),
    }


def _area_ha(layers: Sequence[Layer], base: str) -> float | None:
    """Of all polygons of a layer, in all CRSs; None where there is no such layer."""
    areas = [float(layer.columns["area_m2"].sum()) for layer in _of(layers, base)]
    return round(sum(areas) / M2_PER_HECTARE, 4) if areas else None


def _not_assessed_m2(layers: Sequence[Layer]) -> float:
    observed = {layer.crs: layer.geometries for layer in _of(layers, "area_observed")}
    area_m2 = 0.0
    for layer in _of(layers, "not_assessed"):
        if layer.crs and len(layer):
            seen = shapely.union_all(observed.get(layer.crs, np.empty(0, dtype=object)))
            unseen = shapely.difference(shapely.union_all(layer.geometries), seen)
            area_m2 += float(ellipsoidal_area_m2(np.array([unseen], dtype=object), layer.crs)[0])
    return area_m2


def _of(layers: Sequence[Layer], base: str) -> list[Layer]:
    return [layer for layer in layers if layer.base == base]


def software_versions() -> dict[str, str]:
    """What made the product: Python, GDAL and the packages whose version can show in it."""
    versions = {"python": platform.python_version(), "gdal": str(rasterio.__gdal_version__)}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # a checkout that was never installed
            versions[package] = "not installed"
    return versions
