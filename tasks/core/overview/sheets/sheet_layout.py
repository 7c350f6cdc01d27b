"""What a sheet shows, and where on its paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.overview.map_edge import EDGE_MM
from tasks.core.overview.map_frame import Bounds, Box, MapFrame
from tasks.core.overview.map_painting import geometries
from tasks.core.overview.sheets.figures import Figures, Group, by_suffix, placed
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer

LONG_MM, SHORT_MM = 420.0, 297.0  # A3, ISO 216
MARGIN, BAND_MM, FOOTER, GAP, STRIP = 8.0, 29.0, 9.5, 5.0, 12.0
SIDE_PANEL, FOOT_PANEL = 92.0, 84.0
# A sheet that lies and has its panel beside the map suits a projector: another must show more to be taken.
PREFERENCE = (1.15, 1.0, 1.05, 1.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where on the paper what is, mm."""

    width: float
    height: float
    map: Box
    panel: Box
    columns: int

    @classmethod
    def candidates(cls) -> list["Layout"]:
        """Lying and standing, each with its panel beside the map and below it."""
        return [
            cls._of(LONG_MM, SHORT_MM, beside=True),
            cls._of(LONG_MM, SHORT_MM, beside=False),
            cls._of(SHORT_MM, LONG_MM, beside=True),
            cls._of(SHORT_MM, LONG_MM, beside=False),
        ]

    @classmethod
    def _of(cls, width: float, height: float, *, beside: bool) -> "Layout":
        edge, top = EDGE_MM, BAND_MM + GAP
        body = Box(MARGIN, top, width - 2 * MARGIN, height - top - FOOTER - MARGIN)
        across, down = (SIDE_PANEL + GAP, 0.0) if beside else (0.0, FOOT_PANEL + GAP)
        map_box = Box(
            body.left + edge, body.top + edge, body.width - across - 2 * edge, body.height - down - 2 * edge - STRIP
        )
        if beside:
            return cls(width, height, map_box, Box(body.right - SIDE_PANEL, body.top, SIDE_PANEL, body.height), 1)
        panel = Box(body.left, body.bottom - FOOT_PANEL, body.width, FOOT_PANEL)
        return cls(width, height, map_box, panel, 4 if width > height else 3)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What a sheet shows.

    Attributes:
        layers: All of the product's.
        group: Those of the CRS that is drawn; empty where no tile could be placed.
        suffix: Of that CRS.
        edition: Whose product it is.
        figures: Its key figures.
        layout: Where what is.
    """

    layers: Sequence[Layer]
    group: Group
    suffix: str
    edition: Edition
    figures: Figures
    layout: Layout

    @classmethod
    def of(cls, layers: Sequence[Layer], edition: Edition, figures: Figures) -> "Sheet":
        """The sheet of a product: of the CRS with most tiles, in the layout that shows most of them."""
        groups = by_suffix(layers)
        suffix = max(groups, key=lambda one: placed(groups[one]), default="")
        if not groups or not placed(groups[suffix]):
            return cls(layers, {}, suffix, edition, figures, Layout.candidates()[0])
        group = groups[suffix]
        pairs = zip(Layout.candidates(), PREFERENCE, strict=True)
        layout, _ = max(pairs, key=lambda pair: pair[1] / frame_of(group, pair[0], 1.0).metres_per_px)
        return cls(layers, group, suffix, edition, figures, layout)

    @property
    def crs(self) -> str:
        """Of what is drawn; empty where nothing is."""
        return str(self.group["tiles"].crs) if self.group else ""

    def frame(self, scale: float) -> MapFrame:
        """The frame of the map, with ``scale`` pixels a mm."""
        return frame_of(self.group, self.layout, scale)


def frame_of(group: Group, layout: Layout, scale: float) -> MapFrame:
    """The frame of a map of these tiles, and of the area of interest."""
    box = layout.map
    places = np.concatenate([geometries(group, "tiles"), geometries(group, "area_of_interest")])
    west, south, east, north = (float(value) for value in shapely.total_bounds(places))
    bounds: Bounds = (west, south, east, north)
    size = max(1, round(box.width * scale)), max(1, round(box.height * scale))
    return MapFrame.filling(bounds, str(group["tiles"].crs), *size)
