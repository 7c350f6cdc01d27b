"""The product's rasters: ``rasters/flood.tif``, ``labels.tif``, ``confidence.tif`` and ``nrg.tif``, a set for each CRS.

Memory stays that of one tile and a few windows, however large the ground is.
"""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import rasterio

from tasks.core.class_map import FLOOD, FLOOD_UNDER_CLOUD
from tasks.core.disk_space import TEMP_PREFIX
from tasks.core.geo.grid import Grid
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.rasters.cog_files import write_cog
from tasks.core.rasters.filling import Filled, filling
from tasks.core.rasters.flood_mask import fill_flood_mask
from tasks.core.rasters.gdal_writing import gdal
from tasks.core.rasters.output_grid import output_grid
from tasks.core.rasters.raster_kinds import CONFIDENCE, FLOOD_MASK, FOLDER, KINDS, MOSAIC
from tasks.core.rasters.raster_tile import RasterTile
from tasks.core.rasters.scratch_rasters import Scratch

# 32,768 x 32,768: its three bands stay below the 4 GB of a classic TIFF, which every program reads, and what is
# written meanwhile below 10 GB. With pixels of 1 m it is 1,000 square kilometres.
MAX_PIXELS = 1 << 30
TILES_NAMED = 8


def write_rasters(
    tiles: Sequence[RasterTile],
    layers: Sequence[Layer],
    folder: Path,
    made: datetime,
    *,
    flood_labels: Collection[int] = (FLOOD, FLOOD_UNDER_CLOUD),
    edition: Edition | None = None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[str, ...]:
    """Write the rasters of each CRS in which a tile has an answer; confidence only where a model said how sure it is.

    Args:
        tiles: All that were prepared; each is read once, one at a time.
        layers: The product's, as its other files have them: they say what is flood and what was observed.
        folder: The product's folder.
        made: Of the run, UTC; it stands in each file.
        flood_labels: Labels that count as flood.
        edition: Licence and attribution that stand in each file.
        max_pixels: That a raster may have.

    Returns:
        Warnings for a person: rasters that would be too large, tiles that could not be read, previews in the mosaic.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write a file.
    """
    ordered, warnings = sorted(tiles, key=lambda tile: tile.id), []
    with gdal():
        for flood, observed in _extents(layers):
            here = [tile for tile in ordered if tile.grid.crs == flood.crs]
            if not any(tile.answer is not None for tile in here):
                continue
            grid = output_grid([tile.grid for tile in here])
            if grid.width_px * grid.height_px > max_pixels:
                warnings.append(_too_large(flood.suffix, grid.width_px, grid.height_px, max_pixels))
                continue
            with tempfile.TemporaryDirectory(prefix=f"{TEMP_PREFIX}-") as name:
                scratch = Scratch(Path(name), grid, made, _rights(edition))
                filled = _fill(scratch, here, flood_labels, (flood, observed))
                _keep(scratch, folder, flood.suffix, filled)
            warnings += _warnings(filled, MOSAIC.path(flood.suffix))
    return tuple(warnings)


def main_files(files: Sequence[str]) -> list[tuple[str, str]]:
    """Of the paths below a product's folder the rasters, the most wanted first, each with what it is."""
    starts = [(f"{FOLDER}/{kind.base}", kind.title) for kind in KINDS]
    return [(name, title) for start, title in starts for name in sorted(files) if _is_raster(name, start)]


def _is_raster(name: str, start: str) -> bool:
    return name.endswith(".tif") and (name == f"{start}.tif" or name.startswith(f"{start}_"))


def _extents(layers: Sequence[Layer]) -> Iterator[tuple[Layer, Layer]]:
    """Flood and observed ground of each CRS."""
    observed = {layer.suffix: layer for layer in layers if layer.base == "area_observed"}
    for layer in layers:
        if layer.base == "flood_extent" and layer.suffix in observed:
            yield layer, observed[layer.suffix]


def _fill(
    scratch: Scratch, tiles: Sequence[RasterTile], flood_labels: Collection[int], extents: tuple[Layer, Layer]
) -> Filled:
    """All rasters of a CRS, not yet as they are handed on."""
    filled = Filled()
    with filling(scratch, flood_labels) as rasters:
        for tile in tiles:
            rasters.put(tile, filled)
    flood, observed = (layer.geometries for layer in extents)
    with scratch.canvas(FLOOD_MASK) as mask:
        fill_flood_mask(mask, flood, observed, scratch.grid)
    return filled


def _keep(scratch: Scratch, folder: Path, suffix: str, filled: Filled) -> None:
    """Make the files of the product; each is no longer needed in the other form."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        if kind is not CONFIDENCE or filled.has_confidence:
            write_cog(scratch.path(kind), folder / kind.path(suffix), kind)
        scratch.path(kind).unlink()


def _rights(edition: Edition | None) -> str:
    return "" if edition is None else "; ".join(filter(None, (edition.licence, edition.attribution)))


def _too_large(suffix: str, width_px: int, height_px: int, max_pixels: int) -> str:
    where = f" in {suffix.strip('_')}" if suffix else ""
    return (
        f"no rasters{where}: they would have {width_px:,} x {height_px:,} px, more than the {max_pixels:,} that are "
        "written. Run on parts of the dataset, or with a smaller `width`; the other formats hold all of it"
    )


def _warnings(filled: Filled, mosaic: str) -> list[str]:
    lines = []
    if filled.coarse:
        lines.append(
            f"{mosaic}: coarse in {_named(filled.coarse)}: shown is the preview, for an earlier run has removed the "
            "image. Run once with another `work_directory` for all detail; `keep_work` keeps the images"
        )
    if filled.unread:
        lines.append(f"missing in the rasters, in part or all: {_named(filled.unread)}. Run again")
    return lines


def _named(tiles: Sequence[str]) -> str:
    more = f" and {len(tiles) - TILES_NAMED:,} more" if len(tiles) > TILES_NAMED else ""
    return ", ".join(tiles[:TILES_NAMED]) + more


def renew_flood_masks(layers: Sequence[Layer], folder: Path, edition: Edition) -> None:
    """Burn the extent of another release into the flood masks that a folder has, on their own pixels.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write a file.
    """
    with gdal():
        for flood, observed in _extents(layers):
            path = folder / FLOOD_MASK.path(flood.suffix)
            if not path.exists():
                continue
            with tempfile.TemporaryDirectory(prefix=f"{TEMP_PREFIX}-") as name:
                scratch = Scratch(Path(name), _grid_of(path, str(flood.crs)), edition.made, _rights(edition))
                with scratch.canvas(FLOOD_MASK) as mask:
                    fill_flood_mask(mask, flood.geometries, observed.geometries, scratch.grid)
                write_cog(scratch.path(FLOOD_MASK), path, FLOOD_MASK)


def _grid_of(path: Path, crs: str) -> Grid:
    with rasterio.open(path) as raster:
        transform = tuple(float(term) for term in raster.transform[:6])
        return Grid(raster.width, raster.height, transform, crs)  # type: ignore[arg-type] # six terms
