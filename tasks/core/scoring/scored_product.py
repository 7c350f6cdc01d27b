"""A product held against a reference in full: overall and by tile, as files and as a picture."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from tasks.core.formats.geopackage import write_geopackage
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.overview.class_picture import draw_classes
from tasks.core.overview.map_page import Colour
from tasks.core.product.layer import Layer
from tasks.core.scoring.displacement import Displacement
from tasks.core.scoring.scoring import Regions, Score

AGREEMENT, TABLE, SUMMARY, PICTURE = "agreement.gpkg", "score.csv", "score.json", "agreement.png"
# BGR: what both have, what the reference alone has, what was mapped alone.
COLOURS: Mapping[str, Colour] = {"hit": (190, 120, 40), "miss": (40, 40, 210), "false_alarm": (40, 190, 250)}


@dataclass(frozen=True)
class Assessment:
    """How a product compares with a reference.

    Attributes:
        score: Over all that was observed.
        displacement: Of the outlines; None where there is nothing to compare.
        tiles: The score of each tile that was answered, by its id.
        regions: What was compared.
        crs: Of the regions.
    """

    score: Score
    displacement: Displacement | None
    tiles: Mapping[str, Score]
    regions: Regions
    crs: str

    def agreement(self) -> Layer:
        """What was hit, missed, and mapped without reason, each as one multipolygon with its area."""
        mapped, expected = self.regions.mapped, self.regions.expected
        parts = (mapped.intersection(expected), expected.difference(mapped), mapped.difference(expected))
        areas = as_multipolygons(np.array(parts, np.object_))
        columns: dict[str, Any] = {
            "agreement": np.array(list(COLOURS), np.object_),
            "area_m2": ellipsoidal_area_m2(areas, self.crs),
        }
        return Layer("agreement", "MultiPolygon", self.crs, areas, columns)

    def to_dict(self) -> dict[str, Any]:
        """What ``score.json`` holds; an infinite bias is null."""
        outlines = {"displacement_median_m": None, "displacement_p95_m": None}
        if self.displacement is not None:
            outlines = {f"displacement_{name}_m": value for name, value in self.displacement._asdict().items()}
        tiles = [{"tile": tile, **_finite(score.to_dict())} for tile, score in self.tiles.items()]
        return {**_finite(self.score.to_dict()), **outlines, "tiles": tiles}


def write_assessment(assessment: Assessment, folder: Path, title: str) -> None:
    """Write the layer, the table, the summary and the picture; files of these names are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    layer = assessment.agreement()
    (folder / AGREEMENT).unlink(missing_ok=True)
    write_geopackage([layer], folder / AGREEMENT, title=title)
    (folder / SUMMARY).write_text(json.dumps(assessment.to_dict(), indent=2) + "\n")
    (folder / TABLE).write_text(_table(assessment), encoding="utf-8", newline="")
    (folder / PICTURE).write_bytes(_picture(assessment, layer, title))


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: round(value, 6) if math.isfinite(value) else None for name, value in values.items()}


def _table(assessment: Assessment) -> str:
    """A row a tile, and the first for all."""
    text = io.StringIO()
    rows = {"all": assessment.score, **assessment.tiles}
    writer = csv.DictWriter(text, ["tile", *assessment.score.to_dict()])
    writer.writeheader()
    writer.writerows({"tile": tile, **_finite(score.to_dict())} for tile, score in rows.items())
    return text.getvalue()


def _picture(assessment: Assessment, layer: Layer, title: str) -> bytes:
    ground, score = assessment.regions.observed or shapely.union_all(layer.geometries), assessment.score
    notes = [f"IoU {score.iou:.4f}, precision {score.precision:.4f}, recall {score.recall:.4f}, bias {score.bias:.3f}"]
    areas = zip(COLOURS.items(), layer.geometries, strict=True)
    classes = {name.replace("_", " "): (area, colour) for (name, colour), area in areas}
    return draw_classes(ground, classes, assessment.crs, title, notes)
