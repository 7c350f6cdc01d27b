"""A monitoring series: what became of a flood over products of several dates, one after the other, and its peak."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.formats.geopackage import write_geopackage
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.product.assessment import DONE
from tasks.core.product.layer import Column, Layer
from tasks.core.product.layer_assembly import layer_suffixes
from tasks.core.product.sources import SOURCE
from tasks.core.scoring.change import GAINED, KEPT, LOST
from tasks.core.scoring.change_files import STEM, ComparedProducts, changes, mapped, names_of, write_change
from tasks.core.scoring.score_files import ONLY_READ, package_of

SERIES, TABLE, SUMMARY = "series.gpkg", "series.csv", "series.json"


@dataclass(frozen=True)
class Series:
    """Products in the order of time.

    Attributes:
        names: Of the products.
        dates: When the frames of each were taken, ``2021-04-03`` or ``2021-04-03 to 2021-04-05``; None: not known.
        steps: From each to the next.
        peak: What was flooded in any of them, by CRS.
    """

    names: tuple[str, ...]
    dates: tuple[str | None, ...]
    steps: tuple[ComparedProducts, ...]
    peak: dict[str, BaseGeometry]

    def rows(self) -> list[dict[str, Any]]:
        """A row a product: what was flooded, and since the product before it kept, gained and lost; m²."""
        areas = [step.square_metres() for step in self.steps]
        rows = [_row(areas[0]["first"]), *(_row(area["second"], area) for area in areas)]
        named = zip(self.names, self.dates, rows, strict=True)
        return [{"product": name, "captured": date, **row} for name, date, row in named]

    def peak_m2(self) -> float:
        """On the ellipsoid, over all CRSs."""
        return sum(float(layer.columns["area_m2"].sum()) for layer in self.layers())

    def layers(self) -> list[Layer]:
        """``peak``, a row a connected part; a CRS each."""
        suffixes = layer_suffixes(sorted(self.peak))
        return [_peak_layer(self.peak[crs], crs, suffixes[crs]) for crs in sorted(self.peak)]


def _row(flooded_m2: float, since: Mapping[str, float] | None = None) -> dict[str, float | None]:
    kept, gained, lost = (None if since is None else since[name] for name in (KEPT, GAINED, LOST))
    return {"flooded_m2": flooded_m2, "kept_m2": kept, "gained_m2": gained, "lost_m2": lost}


def compare_series(products: Sequence[Path], places: Sequence[str]) -> Series:
    """Compare each product with the next.

    Args:
        products: Folders, or one of the files of each, in the order of time.
        places: Where people know them to be.

    Raises:
        UnusableArgument: One of them cannot be read or is none, or two that follow have no CRS in common.
    """
    maps, names = [mapped(path) for path in products], names_of(products, places)
    pairs = range(len(maps) - 1)
    steps = [
        ComparedProducts((names[n], names[n + 1]), changes(maps[n], maps[n + 1], (places[n], places[n + 1])))
        for n in pairs
    ]
    floods: dict[str, list[BaseGeometry]] = {}
    for one in maps:
        for crs, found in one.items():
            floods.setdefault(crs, []).append(found.flood)
    peak = {crs: shapely.union_all(np.array(parts, np.object_)) for crs, parts in floods.items()}
    return Series(tuple(names), tuple(map(_dates, products)), tuple(steps), peak)


def _dates(product: Path) -> str | None:
    """When a product's frames were taken, by its table ``source``; None where it says nothing."""
    package, _ = package_of(product)
    with gdal_options(ONLY_READ), lockable(package) as file:
        if SOURCE not in pyogrio.list_layers(file)[:, 0]:
            return None
        dates, states = pyogrio.raw.read(file, layer=SOURCE, columns=["src_date", "state"])[3]
    known = sorted({str(date) for date, state in zip(dates, states, strict=True) if state == DONE and date is not None})
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else next(iter(known), None)


def _peak_layer(peak: BaseGeometry, crs: str, suffix: str) -> Layer:
    parts = shapely.get_parts(peak)
    columns: dict[str, Column] = {"area_m2": ellipsoidal_area_m2(parts, crs)}
    return Layer("peak", "Polygon", crs, parts, columns, suffix)


def write_series(series: Series, folder: Path) -> list[str]:
    """Write table, summary and peak, and of each step what ``write_change`` writes; names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{name: _rounded(value) for name, value in row.items()} for row in series.rows()]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    (folder / TABLE).write_text(text.getvalue(), encoding="utf-8", newline="")
    summary = {"products": rows, "peak_m2": round(series.peak_m2(), 2)}
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    write_geopackage(series.layers(), folder / SERIES, title=f"{series.names[0]} to {series.names[-1]}")
    steps = [write_change(step, folder, f"{STEM}_{number}") for number, step in enumerate(series.steps, 1)]
    return [SERIES, TABLE, SUMMARY, *(name for names in steps for name in names)]


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value
