"""The sheet around the map: what it says, and that bar, arrow and graticule are true on the ground."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pyproj
import pytest
import shapely
from shapely import MultiPolygon, box

from tasks.core.overview import overview
from tasks.core.overview.canvas import Anchor, Colour, Style
from tasks.core.overview.map_edge import BAR_MM, EDGE_MM, true_north_degrees
from tasks.core.overview.map_painting import exposure_by_state
from tasks.core.overview.sheets.figures import Exposed, Figures, captured_text
from tasks.core.overview.sheets.sheet import draw_sheet
from tasks.core.overview.sheets.sheet_layout import LONG_MM, Sheet
from tasks.core.product.edition import CaptureTime, Edition, Event, Origin, Phase, Source
from tasks.core.product.layer import Column, Layer

MADE = datetime(2021, 4, 5, 6, 7, tzinfo=UTC)
FIGURES = Figures(12.34, 56.78, 9.1, (Exposed("Buildings", "1,204", "87", "212"),))
LONG_SIDE_PX = 1500
SCALE = LONG_SIDE_PX / LONG_MM


def _edition(*captured: str, event: Event | None = None) -> Edition:
    times = [CaptureTime.in_text(text, Origin.NAME) for text in captured]
    sources = tuple(
        Source(number, f"{number}.jp2", "", "", time, 0.5, None, Phase.POST_EVENT, "done")
        for number, time in enumerate(times, 1)
    )
    return Edition("test", "/data", event or Event(), sources, "run-1", "model-1", MADE)


def _layer(base: str, geometries: Sequence[object], crs: str, **columns: Column) -> Layer:
    array = np.empty(len(geometries), np.object_)
    array[:] = geometries
    return Layer(base, "MultiPolygon", crs, array, columns)


def _layers(crs: str, bounds: tuple[float, float, float, float], *more: Layer) -> list[Layer]:
    """One tile that was answered, on the left, and one that failed."""
    west, south, east, north = bounds
    middle = (west + east) / 2
    seen, lost = (MultiPolygon([box(*place)]) for place in ((west, south, middle, north), (middle, south, east, north)))
    texts = {"tile": ("seen.jp2", "lost/洪.jp2"), "state": ("done", "failed")}
    columns: dict[str, Column] = {name: np.array(values, np.object_) for name, values in texts.items()}
    return [
        _layer("flood_extent", [], crs),
        _layer("area_observed", [seen], crs),
        _layer("not_assessed", [lost], crs),
        _layer("tiles", [seen, lost], crs, **columns),
        *more,
    ]


METRES = _layers("EPSG:7855", (500_000, 6_000_000, 504_000, 6_003_000))


class _Words:
    """A canvas that keeps what is written on it, and where."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, tuple[float, float]]] = []

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = (0, 0, 0),
        anchor: Anchor = "left",
        upwards: bool = False,
    ) -> None:
        del size, bold, colour, anchor, upwards
        self.texts.append((text, place))

    def line(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """Nothing is written."""

    def area(self, rings: Sequence[np.ndarray], style: Style) -> None:
        """Nothing is written."""

    def disc(self, place: tuple[float, float], radius: float, colour: Colour) -> None:
        """Nothing is written."""

    @property
    def all(self) -> str:
        return " ".join(text for text, _ in self.texts)


def _words(layers: Sequence[Layer], edition: Edition) -> tuple[_Words, Sheet]:
    sheet, words = Sheet.of(layers, edition, FIGURES), _Words()
    draw_sheet(words, sheet, sheet.frame(SCALE) if sheet.group else None)
    return words, sheet


def test_it_says_what_a_briefing_asks() -> None:
    """Event, time, figures as the report has them, exposure, CRS, rights, who made it, and what was not seen."""
    event = Event("EMSR-1", "洪水 Überschwemmung", subtype="Flash flood")
    edition = replace(
        _edition("20210403T0131Z", event=event),
        release=2,
        release_reason="levee corrected",
        licence="CC-BY-4.0",
        attribution="© Dept",
        weaknesses=("Trees hide water.",),
    )
    words, _ = _words(METRES, edition)
    for expected in (
        *("洪水 Überschwemmung", "EMSR-1", "Flash flood", "3 April 2021, 01:31 UTC", "Release 2: levee corrected"),
        *("12.34", "56.78", "9.10", "of 2", "Buildings", "1,204", "87", "212", "0.5 m", "CC-BY-4.0", "© Dept"),
        *("GDA2020 / MGA zone 55 (EPSG:7855)", "lost/洪.jp2", "Trees hide water.", "run-1", "model-1"),
        *("made 5 April 2021, 06:07 UTC", "Grid north", "Permanent water is not told apart from flood."),
    ):
        assert expected in words.all, expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "Time of capture not known"),
        (["202104"], "April 2021"),
        (["20210403"], "3 April 2021"),
        (["20210403T013105Z"], "3 April 2021, 01:31:05 UTC"),
        (["20210403", "20210405"], "3 April 2021 to 5 April 2021"),
    ],
)
def test_the_time_is_as_fine_as_it_is_known(names: list[str], expected: str) -> None:
    """A month is no day, and a span has both its ends."""
    assert captured_text(_edition(*names)) == expected


def test_the_legend_has_what_is_on_the_map_alone() -> None:
    """No sign for a layer that is not there; flood is without normal water where that is told apart."""
    water = _layer(
        "normal_water", [box(500_100, 6_000_100, 500_900, 6_000_900)], "EPSG:7855", area_m2=np.array([640e3])
    )
    plain, _ = _words(METRES, _edition())
    with_water, _ = _words([*METRES, water], _edition())
    assert "Flood, permanent water included" in plain.all
    assert "Normal water" not in plain.all
    assert "Flood, permanent" not in with_water.all
    assert "64.00" in with_water.all


def test_exposure_that_nobody_saw_is_not_called_dry() -> None:
    """What is flooded, what lies on failed ground or outside of all frames, and what was seen dry are told apart."""
    places = [shapely.Point(500_000 + x, 6_000_500).buffer(20) for x in (500, 1500, 3000, 9000)]
    flood = _layer("flood_extent", [box(500_000, 6_000_000, 501_000, 6_001_000)], "EPSG:7855")
    group = {layer.base: layer for layer in [*METRES, flood, _layer("exposure", places, "EPSG:7855")]}
    found = exposure_by_state(group)
    assert [list(found[state]) for state in ("flooded", "dry", "unknown")] == [places[:1], places[1:2], places[2:]]


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        ("EPSG:7855", (500_000.0, 6_000_000.0, 504_000.0, 6_003_000.0)),
        ("EPSG:4283", (147.0, -36.2, 147.3, -36.0)),
        ("EPSG:2263", (980_000.0, 190_000.0, 1_000_000.0, 200_000.0)),
        ("EPSG:7855", (500_000.0, 6_000_000.0, 501_000.0, 6_012_000.0)),
    ],
)
def test_the_bar_on_the_picture_is_as_long_as_it_says(crs: str, bounds: tuple[float, float, float, float]) -> None:
    """Its pixels, laid on the map's middle, measure on the ellipsoid what is written at its end."""
    layers = _layers(crs, bounds)
    words, sheet = _words(layers, _edition())
    png = overview.draw(layers, [], edition=_edition(), figures=FIGURES, long_side_px=LONG_SIDE_PX)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    frame, place = sheet.frame(SCALE), sheet.layout.map
    row = round((place.bottom + EDGE_MM + 5.6 + BAR_MM / 2) * SCALE)
    first = round(place.left * SCALE)
    dark = np.flatnonzero(picture[row, first : first + round(place.width * 0.3 * SCALE)] < 150)
    length_px = int(dark[-1] - dark[0])
    at_bar = [(text, x) for text, (x, y) in words.texts if abs(y - (place.bottom + EDGE_MM + 4.4)) < 0.05]
    unit, number = at_bar[-1][0], float(at_bar[-2][0])
    west, south, east, north = frame.bounds
    degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    middle = ((west + east) / 2, (south + north) / 2)
    ends = [degrees.transform(middle[0] + side * length_px / 2 / frame.x_scale, middle[1]) for side in (-1, 1)]
    _, _, measured = pyproj.Geod(ellps="GRS80").inv(*ends[0], *ends[1])
    assert measured == pytest.approx(number * (1000 if unit == "km" else 1), rel=0.02)


def test_labels_of_the_graticule_stand_where_their_number_is() -> None:
    """Each easting above and below the map, each northing beside it, to a tenth of a millimetre."""
    words, sheet = _words(METRES, _edition())
    frame, place = sheet.frame(SCALE), sheet.layout.map
    west, south, east, north = frame.bounds
    eastings = [(float(text[:-2].replace(",", "")), x) for text, (x, _) in words.texts if text.endswith(",000 E")]
    northings = [(float(text[:-2].replace(",", "")), y) for text, (_, y) in words.texts if text.endswith(",000 N")]
    assert len(eastings) >= 4
    assert len(northings) >= 4
    for value, x in eastings:
        assert x == pytest.approx(place.left + (value - west) / (east - west) * place.width, abs=0.1)
    for value, y in northings:
        assert y == pytest.approx(place.top + (north - value) / (north - south) * place.height, abs=0.1)


@pytest.mark.parametrize(
    ("crs", "bounds", "side"),
    [
        ("EPSG:7855", (700_000.0, 6_000_000.0, 704_000.0, 6_003_000.0), "east"),
        ("EPSG:26914", (2e5, 52e5, 2.1e5, 52.1e5), "east"),
        ("EPSG:26914", (8e5, 52e5, 8.1e5, 52.1e5), "west"),
    ],
)
def test_true_north_is_where_the_projection_says(
    crs: str, bounds: tuple[float, float, float, float], side: str
) -> None:
    """As PROJ's own meridian convergence has it, and it is written: meridians lean to the zone's middle polewards."""
    layers = _layers(crs, bounds)
    words, sheet = _words(layers, _edition())
    west, south, east, north = sheet.frame(SCALE).bounds
    system = pyproj.CRS.from_user_input(crs)
    place = pyproj.Transformer.from_crs(crs, system.geodetic_crs, always_xy=True).transform(
        (west + east) / 2, (south + north) / 2
    )
    convergence = pyproj.Proj(system).get_factors(*place).meridian_convergence
    angle = true_north_degrees(sheet.frame(SCALE), crs)
    assert abs(angle) == pytest.approx(abs(convergence), abs=0.01)
    assert (angle > 0) == (side == "east")
    assert f"true north {abs(convergence):.1f}° {side} of it" in words.all


def test_the_arrow_points_up() -> None:
    """Its left half is dark and its right half light, above its foot in the strip's right end."""
    png = overview.draw(METRES, [], edition=_edition(), figures=FIGURES, long_side_px=LONG_SIDE_PX)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    place = Sheet.of(METRES, _edition(), FIGURES).layout.map
    x, y = place.right - 3.5, place.bottom + EDGE_MM + 12.0 - 1.5
    left, right = (picture[round((y - 4) * SCALE), round((x + side) * SCALE)] for side in (-0.7, 0.7))
    assert left < 80
    assert right > 220


@pytest.mark.parametrize(("columns", "rows"), [(1, 12), (12, 1), (3, 2)])
def test_every_scene_fits_its_map_and_no_text_leaves_the_paper(columns: int, rows: int) -> None:
    """Lying or standing, long names and many words: all tiles are within the frame, all texts start on the sheet."""
    layers = _layers("EPSG:7855", (500_000, 6_000_000, 500_000 + 1000.0 * columns, 6_000_000 + 1000.0 * rows))
    long = replace(
        _edition("202104", event=Event("X" * 80, "Überschwemmung am Fluss " * 20)),
        weaknesses=tuple(
            f"Weakness {number} is told at some length, so that there is a lot to read." for number in range(250)
        ),
    )
    words, sheet = _words(layers, long)
    west, south, east, north = sheet.frame(SCALE).bounds
    tiles = shapely.total_bounds(layers[3].geometries)
    assert (west < tiles[0], south < tiles[1], east > tiles[2], north > tiles[3]) == (True,) * 4
    assert all(0 <= x <= sheet.layout.width and 0 <= y <= sheet.layout.height for _, (x, y) in words.texts)
    assert "More in report.md." in words.all


def test_a_product_without_a_place_says_so() -> None:
    """The sheet of a run whose tiles could not be placed has its figures and no map."""
    texts: dict[str, Column] = {"tile": np.array(["a.jp2"], np.object_), "state": np.array(["failed"], np.object_)}
    words, sheet = _words([Layer("tiles", "MultiPolygon", None, np.array([None], np.object_), texts)], _edition())
    assert sheet.crs == ""
    assert "No tile could be placed" in words.all
    assert "a.jp2" in words.all
