"""The rule by which a CEMS package is read, held against the pixels that the product was made of."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from cems_reader import Package, Points, read_package
from cut_scenes import MGA, answered, grid_of, noise, window
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition, Event, Phase, Source
from tasks.core.product.layer import FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.profiles.cems_package import FOLDER, write_cems

MADE = datetime(2026, 3, 1, 9, tzinfo=UTC)
ZONES = (MGA, "EPSG:7854")
SHAPE = (9, 11)
PIXEL_M = 1.5
FLOOD, UNDER_CLOUD = 1, 2


@dataclass(frozen=True)
class Frame:
    """A frame as somebody drew it: where it lies, its labels, what of it is no padding, and whether it was answered."""

    name: str
    grid: Grid
    labels: UInt8Array
    valid: BoolMask
    is_answered: bool

    @property
    def centres(self) -> Points:
        """Of its pixels, longitude before latitude."""
        rows, columns = np.indices(self.labels.shape).reshape(2, -1) + 0.5
        x, y = np.array([self.grid.xy(column, row) for column, row in zip(columns, rows, strict=True)]).T
        return np.stack(pyproj.Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True).transform(x, y), axis=1)

    def has(self, points: Points, mask: BoolMask) -> BoolMask:
        """Whether each point lies in a pixel of a mask."""
        moved = pyproj.Transformer.from_crs("EPSG:4326", self.grid.crs, always_xy=True).transform(*points.T)
        a, b, x, d, e, y = self.grid.transform
        away = np.stack(moved) - np.array([[x], [y]])
        columns, rows = np.floor(np.linalg.solve([[a, b], [d, e]], away)).astype(int)
        inside = (columns >= 0) & (columns < mask.shape[1]) & (rows >= 0) & (rows < mask.shape[0])
        found = np.zeros(len(points), np.bool_)
        found[inside] = mask[rows[inside], columns[inside]]
        return found


@st.composite
def frames(draw: st.DrawFn) -> list[Frame]:
    """One to three, side by side, over each other or apart, in two zones, with padding, cloud and failures."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        zone, seed = draw(st.sampled_from(ZONES)), draw(st.integers(0, 99))
        row, column = draw(st.integers(-6, 9)), draw(st.integers(-6, 11))
        labels = noise(seed, 0.4, SHAPE).astype(np.uint8)
        labels[noise(seed + 100, 0.1, SHAPE)] = UNDER_CLOUD
        valid = np.ones(SHAPE, np.bool_) if draw(st.booleans()) else np.tri(*SHAPE, dtype=np.bool_)
        first = _same_place(grid_of(labels, pixel=PIXEL_M), zone)
        found.append(Frame(f"{number}.jp2", window(first, row, column, *SHAPE), labels, valid, draw(st.booleans())))
    return found


@st.composite
def areas(draw: st.DrawFn) -> GivenArea | None:
    """None, or a triangle with a corner amid the frames."""
    if draw(st.booleans()):
        return None
    x, y = 300_008.41 + draw(st.integers(-5, 5)), 6_599_992.67 + draw(st.integers(-5, 5))
    ground = np.array([shapely.Polygon([(x, y), (x + 21.3, y + 7.7), (x + 3.3, y - 23.9)])], np.object_)
    return GivenArea("area_of_interest", "area.gpkg", "0" * 64, ground, MGA, np.array([""], np.object_))


def _same_place(grid: Grid, crs: str) -> Grid:
    """A grid of another zone that begins at the same place, its rows level there."""
    x, y = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform(*grid.xy(0, 0))
    a, b, _, d, e, _ = grid.transform
    return Grid(grid.width_px, grid.height_px, (a, b, x, d, e, y), crs)


def product_of(drawn: list[Frame], area: GivenArea | None) -> tuple[list[Layer], Edition]:
    """What a run makes of frames."""
    done = [answered(one.name, one.labels, one.grid, one.valid) for one in drawn if one.is_answered]
    lost = [
        FailedTile(
            one.name,
            "predict",
            "no answer",
            1.0,
            one.grid.crs,
            answered(one.name, one.labels * 0, one.grid, one.valid).extent.observed,
        )
        for one in drawn
        if not one.is_answered
    ]
    sources = tuple(
        Source(number, one.name, one.name, "0" * 64, None, 1.5, None, Phase.POST_EVENT, "done")
        for number, one in enumerate(drawn, 1)
    )
    edition = Edition("town", "town", Event("EMSR999"), sources, "run", "model", MADE)
    return described(assemble(done, lost, 0.0, GivenAreas(area_of_interest=area)), edition), edition


def _in(area: GivenArea | None, points: Points) -> BoolMask:
    if area is None:
        return np.ones(len(points), np.bool_)
    moved = pyproj.Transformer.from_crs("EPSG:4326", area.crs, always_xy=True).transform(*points.T)
    return np.asarray(shapely.contains_xy(area.polygons[0], *moved), np.bool_)


def _of_any(drawn: list[Frame], points: Points, wanted: int | None) -> BoolMask:
    """Whether an answered frame has a label at each point; None for any but that of flood under cloud."""
    found = np.zeros(len(points), np.bool_)
    for one in drawn:
        if one.is_answered:
            mask = one.labels == wanted if wanted is not None else one.labels != UNDER_CLOUD
            found |= one.has(points, mask & one.valid)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all examples: each replaces the package before."""
    return tmp_path_factory.mktemp("product")


def _package(drawn: list[Frame], area: GivenArea | None, folder: Path) -> Package:
    layers, edition = product_of(drawn, area)
    assert write_cems(layers, edition, folder, MADE) == ()
    package = read_package(folder / FOLDER)
    assert package.faults == []
    return package


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames(), areas())
def test_no_flood_holds_just_where_a_pixel_was_observed(
    folder: Path, drawn: list[Frame], area: GivenArea | None
) -> None:
    """Inside (footprint ∩ area of interest) - not analysed lie the observed pixels and no others; flood counts once."""
    package = _package(drawn, area, folder)
    points = np.concatenate([one.centres for one in drawn])
    inside = _in(area, points)
    observed = _of_any(drawn, points, None) & inside
    np.testing.assert_array_equal(package.is_analysed(points), observed)
    np.testing.assert_array_equal(package.count("observedEventA", points), _of_any(drawn, points, FLOOD) & inside)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames(), areas())
def test_the_analysed_ground_is_as_large_as_the_observed(
    folder: Path, drawn: list[Frame], area: GivenArea | None
) -> None:
    """Hectares by the rule, measured as geodesics, are those of area_observed, each zone's ground counted once."""
    layers, edition = product_of(drawn, area)
    write_cems(layers, edition, folder, MADE)
    package = read_package(folder / FOLDER)
    observed_m2 = sum(float(one.columns["area_m2"].sum()) for one in layers if one.base == "area_observed")
    pixels = sum(one.labels.size for one in drawn)
    strips_m2 = 1e-3 * 4 * PIXEL_M * pixels  # edges of all pixels, 1 mm wide
    if len({one.grid.crs for one in drawn}) == 1:
        assert package.analysed_ha * 10_000 == pytest.approx(observed_m2, abs=strips_m2)
        assert package.measured_flooded_ha == pytest.approx(package.flooded_ha, abs=strips_m2 / 10_000)
    assert package.analysed_ha * 10_000 <= observed_m2 + strips_m2
