"""What the product's layers are made of, and what they hold."""

from dataclasses import dataclass

import numpy as np
from shapely import MultiPolygon

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent

UNDER_CLOUD = "flood under cloud is not assessed: label 2 is not among flood_labels"

Column = IntArray | FloatArray | ObjectArray


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer of the product: geometries and columns of one length; a table has columns alone.

    Attributes:
        base: ``flood_extent``, ``flood_extent_by_tile``, ``area_observed``, ``not_assessed``, ``tiles``, ``to_check``.
        geometry_type: ``Polygon``, ``MultiPolygon`` or another: the one type of all its geometries; None of a table.
        crs: Of the geometries: ``EPSG:7855`` where it has a code, else WKT2; None only where no tile's CRS is known.
        geometries: Object array of shapely geometries; None where a place is not known, and throughout a table.
        columns: Column name to values: int64, float64, or object holding str. The unit is in the name. What is not
            known is NaN, masked (int64) or None, and NULL in files.
        suffix: Of the name, such as ``_epsg7855`` where the product has several CRSs; else empty.
        left_out: How many more features there were than a person looks at.
    """

    base: str
    geometry_type: str | None
    crs: str | None
    geometries: ObjectArray
    columns: dict[str, Column]
    suffix: str = ""
    left_out: int = 0

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if set(lengths.values()) - {len(self.geometries)}:
            raise ValueError(f"layer {self.name}: {len(self.geometries)} geometries, but columns of {lengths}")

    def __len__(self) -> int:
        return len(self.geometries)

    @property
    def name(self) -> str:
        """What files call it."""
        return self.base + self.suffix

    @property
    def is_table(self) -> bool:
        """Whether it has no geometries at all."""
        return self.geometry_type is None


def table(base: str, columns: dict[str, Column], suffix: str = "") -> Layer:
    """A layer without geometries."""
    rows = len(next(iter(columns.values())))
    return Layer(base, None, None, np.full(rows, None, np.object_), columns, suffix)


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredTile:
    """A tile that the model answered for.

    Attributes:
        id: Path below the dataset.
        grid: The resized grid that its masks lie on.
        extent: What it says, in units of ``grid.crs``.
        seconds: Time spent on it over all stages.
        unassessed: Why ground that it saw is not assessed, where some is not (``assessment.reason``).
    """

    id: str
    grid: Grid
    extent: TileExtent
    seconds: float
    unassessed: str = UNDER_CLOUD


@dataclass(frozen=True, slots=True, eq=False)
class FailedTile:
    """A tile without an answer.

    Attributes:
        id: Path below the dataset.
        stage: The stage that failed: ``prepare``, ``predict`` or ``extract``; or ``review``.
        error: What was wrong, for a person.
        seconds: Time spent on it over all stages.
        crs: Of ``area``; None where not known.
        area: Its valid mask where it was prepared, else its header's footprint; None where not known.
        state: ``failed``, or ``dropped`` where a person left the tile out.
    """

    id: str
    stage: str
    error: str
    seconds: float
    crs: str | None = None
    area: MultiPolygon | None = None
    state: str = "failed"

    def __post_init__(self) -> None:
        if self.area is not None and self.crs is None:
            raise ValueError(f"tile {self.id}: an area needs a CRS")
