"""The overview map: what lies where on the picture, and that it never fails over odd input."""

from collections.abc import Sequence
from datetime import UTC, datetime

import cv2
import numpy as np
import pyproj
import pytest
from shapely import MultiPolygon, Polygon, box

from tasks.core.geo.grid import Grid
from tasks.core.overview import canvas, overview, place_marks, signs
from tasks.core.overview.class_picture import draw_classes
from tasks.core.overview.map_frame import MapFrame
from tasks.core.overview.sheets.figures import Figures, by_suffix, notes
from tasks.core.overview.sheets.sheet_layout import LONG_MM, Sheet
from tasks.core.product.edition import Edition, Event
from tasks.core.product.layer import Layer

CRS = "EPSG:7855"
EDITION = Edition("test", "/data", Event(), (), "a-run", "a-model", datetime(2021, 4, 3, tzinfo=UTC))
FIGURES = Figures(1.0, 2.0, 3.0)
LONG_SIDE_PX = 1500
SCALE = LONG_SIDE_PX / LONG_MM
GREY = (120, 120, 120)


def _grid(west: float = 0, north: float = 1000, size: int = 100, crs: str = CRS) -> Grid:
    return Grid(size, size, (10.0, 0.0, 500_000.0 + west, 0.0, -10.0, 6_000_000.0 + north), crs)


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def _plain(colour: tuple[int, int, int] = GREY, size: int = 100) -> bytes:
    return _jpeg(np.full((size, size, 3), colour, dtype=np.uint8))


def _footprint(grid: Grid) -> MultiPolygon:
    return MultiPolygon([Polygon(grid.corners)])


def _ground(west: float, south: float, east: float, north: float) -> Polygon:
    return box(500_000 + west, 6_000_000 + south, 500_000 + east, 6_000_000 + north)


def _layer(
    name: str, geometries: Sequence[object], crs: str | None = CRS, suffix: str = "", **columns: list[str]
) -> Layer:
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    texts = {column: np.array(values, dtype=object) for column, values in columns.items()}
    return Layer(name, "MultiPolygon", crs, array, texts, suffix)


def _layers(
    *grids: Grid,
    flood: Sequence[Polygon] = (),
    lost: Sequence[object] = (),
    observed: Sequence[object] | None = None,
    unplaced: Sequence[str] = (),
    suffix: str = "",
) -> list[Layer]:
    footprints: list[object] = [_footprint(grid) for grid in grids]
    places = [*footprints, *lost, *(None for _ in unplaced)]
    names = [*(f"{number}.jp2" for number in range(len(places) - len(unplaced))), *unplaced]
    crs = grids[0].crs if grids else None
    return [
        _layer("flood_extent", flood, crs, suffix),
        _layer("flood_extent_by_tile", flood, crs, suffix),
        _layer("area_observed", footprints if observed is None else observed, crs, suffix),
        _layer("not_assessed", [*lost, *(None for _ in unplaced)], crs, suffix),
        _layer("tiles", places, crs, suffix, tile=names),
    ]


class _Map:
    """A drawn overview that is asked by ground coordinates."""

    def __init__(self, layers: list[Layer], images: list[tuple[Grid, bytes]]) -> None:
        png = overview.draw(layers, iter(images), edition=EDITION, figures=FIGURES, long_side_px=LONG_SIDE_PX)
        self.picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        sheet = Sheet.of(layers, EDITION, FIGURES)
        self.frame, self.box = sheet.frame(SCALE), sheet.layout.map

    def at(self, x: float, y: float, reach: int = 0) -> np.ndarray:
        """BGR at (x, y) m from the test's corner; with a reach, of the square of pixels around."""
        ((column, row),) = self.frame.pixels(np.array([[500_000 + x, 6_000_000 + y]]))
        row, column = int(row) + round(self.box.top * SCALE), int(column) + round(self.box.left * SCALE)
        return np.asarray(
            self.picture[row - reach : row + reach + 1, column - reach : column + reach + 1].reshape(-1, 3)
        )

    def is_hatched(self, x: float, y: float) -> bool:
        """Whether both the stripes and what is between them are around the place."""
        distance = np.abs(self.at(x, y, reach=8).astype(int) - signs.NOT_ASSESSED.hatch).max(axis=1)
        return bool((distance < 8).any() and (distance > 60).any())


def _is(colours: np.ndarray, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool((np.abs(colours.astype(int) - colour) <= tolerance).all())


QUADRANTS = {(25, 25): (250, 0, 0), (75, 25): (0, 250, 0), (25, 75): (0, 0, 250), (75, 75): GREY}


def _quadrants(size: int = 100) -> np.ndarray:
    """Blue upper left, green upper right, red lower left, grey lower right (BGR)."""
    picture = np.zeros((size, size, 3), dtype=np.uint8)
    half = size // 2
    picture[:half, :half], picture[:half, half:] = (250, 0, 0), (0, 250, 0)
    picture[half:, :half], picture[half:, half:] = (0, 0, 250), GREY
    return picture


@pytest.mark.parametrize(
    "transform",
    [
        (10.0, 0.0, 500_000.0, 0.0, -10.0, 6_001_000.0),
        (6.0, 8.0, 500_000.0, 8.0, -6.0, 6_001_000.0),
        (0.0, 10.0, 500_000.0, 10.0, 0.0, 6_000_000.0),
        (-10.0, 0.0, 501_000.0, 0.0, 10.0, 6_000_000.0),
    ],
)
@pytest.mark.parametrize("image_px", [100, 40])
def test_imagery_lies_where_its_transform_says(transform: tuple[float, ...], image_px: int) -> None:
    """North-up, rotated, transposed or upside down, in full or reduced size: each quarter is at its ground."""
    a, b, c, d, e, f = transform
    grid = Grid(100, 100, (a, b, c, d, e, f), CRS)
    drawn = _Map(_layers(grid), [(grid, _jpeg(_quadrants(image_px)))])
    for (column, row), colour in {
        (25, 25): (250, 0, 0),
        (75, 25): (0, 250, 0),
        (25, 75): (0, 0, 250),
        (75, 75): GREY,
    }.items():
        x, y = grid.xy(column, row)
        assert _is(drawn.at(x - 500_000, y - 6_000_000, reach=3), colour)


def test_imagery_is_not_shifted() -> None:
    """An edge in the middle of the tile is in the middle of its ground, to a pixel of the map."""
    drawn = _Map(_layers(_grid()), [(_grid(), _jpeg(_quadrants()))])
    assert _is(drawn.at(485, 750), (250, 0, 0), 20)
    assert _is(drawn.at(515, 750), (0, 250, 0), 20)


def test_flood_is_tinted_and_outlined_and_its_holes_are_not() -> None:
    """Inside is tinted, the edge has the line's colour, an island keeps the imagery."""
    flood = Polygon(_ground(200, 200, 800, 800).exterior, [_ground(400, 400, 600, 600).exterior])
    drawn = _Map(_layers(_grid(), flood=[flood]), [(_grid(), _plain())])
    tinted = np.array(GREY) * (1 - signs.FLOOD.share) + np.array(signs.FLOOD.fill) * signs.FLOOD.share
    assert _is(drawn.at(300, 300, reach=3), tuple(tinted.round().astype(int)))
    assert _is(drawn.at(500, 500, reach=3), GREY)
    assert _is(drawn.at(100, 100, reach=3), GREY)
    edge = drawn.at(200, 500, reach=2).astype(int)
    assert np.abs(edge - signs.FLOOD.line).max(axis=1).min() < 60


def test_a_place_to_check_is_outlined_and_numbered() -> None:
    """The mark's colour is on its outline, and its number in it; without a place, nowhere."""
    layers = _layers(_grid())
    place = _layer("to_check", [MultiPolygon([_ground(200, 200, 600, 600)])])
    marked, plain = (_Map(shown, [(_grid(), _plain())]) for shown in ([*layers, place], layers))
    for x, y in ((200, 330), (430, 600), (600, 530)):
        assert (np.abs(marked.at(x, y, 2).astype(int) - place_marks.MARK).max(axis=1) < 60).any()
    assert (marked.at(400, 400, 8) == place_marks.MARK_INK).all(axis=1).any()
    assert not (plain.picture == place_marks.MARK).all(axis=2).any()


def test_a_failed_tile_is_hatched_where_nobody_else_saw() -> None:
    """Its ground under an answered neighbour is shown as observed."""
    answered, failed = _grid(), _footprint(_grid(west=500))
    drawn = _Map(_layers(answered, lost=[failed]), [(answered, _plain())])
    assert drawn.is_hatched(1250, 500)
    assert not drawn.is_hatched(750, 500)
    assert not drawn.is_hatched(250, 500)


def test_overlapping_failed_tiles_stay_hatched() -> None:
    """Two failures over the same ground do not cancel each other."""
    lost = [_footprint(_grid(west=1000)), _footprint(_grid(west=1200))]
    drawn = _Map(_layers(_grid(), lost=lost), [(_grid(), _plain())])
    assert drawn.is_hatched(1600, 500)


def test_ground_that_was_not_looked_at_is_blank() -> None:
    """Padding of a tile is paper, not a black lake."""
    observed = [MultiPolygon([_ground(0, 0, 500, 1000)])]
    drawn = _Map(_layers(_grid(), observed=observed), [(_grid(), _plain((0, 0, 0)))])
    assert _is(drawn.at(750, 500, reach=3), canvas.BLANK)
    assert _is(drawn.at(250, 500, reach=3), (0, 0, 0))


@pytest.mark.parametrize("padded_first", [True, False])
def test_padding_does_not_cover_a_neighbour(*, padded_first: bool) -> None:
    """Where a padded tile overlaps another, the other's imagery is seen, whichever comes first."""
    images = [(_grid(), _plain((0, 0, 0))), (_grid(), _plain())]
    drawn = _Map(_layers(_grid()), images if padded_first else images[::-1])
    assert _is(drawn.at(500, 500, reach=3), GREY)


def test_of_several_crs_the_largest_is_drawn_and_the_picture_says_so() -> None:
    """Images of the other CRS are passed over, and a note names it."""
    other = _grid(crs="EPSG:7854")
    layers = [
        *_layers(other, suffix="_epsg7854"),
        *_layers(_grid(), _grid(west=1000), suffix="_epsg7855", unplaced=["Ünknown 洪.jp2"]),
    ]
    layers = layers[5:] + layers[:5]
    drawn = _Map(layers, [(other, _plain((0, 0, 250))), (_grid(), _plain()), (_grid(west=1000), _plain())])
    assert _is(drawn.at(450, 450, reach=3), GREY)
    said = " ".join(notes(layers, by_suffix(layers), "_epsg7855", EDITION))
    assert "(EPSG:7854) are not on it" in said
    assert "1 failed tile(s) without a known place are not on it: Ünknown 洪.jp2" in said


@pytest.mark.parametrize("layers", [[], _layers(unplaced=["a.jp2", "b.jp2"])])
def test_without_any_place_there_is_still_a_picture(layers: list[Layer]) -> None:
    """A run whose tiles could not be placed gets a picture that says so, not a failure."""
    png = overview.draw(layers, [], edition=EDITION, figures=FIGURES, long_side_px=LONG_SIDE_PX)
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) is not None


def test_an_image_that_cannot_be_decoded_leaves_the_map() -> None:
    """The map is decoration: a broken preview does not lose the product."""
    drawn = _Map(_layers(_grid()), [(_grid(), b"not a picture")])
    assert drawn.picture is not None


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (30, 1), (1, 30)])
def test_the_picture_stays_small_enough_to_open(columns: int, rows: int) -> None:
    """However long the mosaic, the sheet is A3 of the size that is asked for."""
    grids = [_grid(west=1000 * column, north=1000 * row, size=100) for column in range(columns) for row in range(rows)]
    drawn = _Map(_layers(*grids, unplaced=[f"{number}{'x' * 60}.jp2" for number in range(50)]), [])
    assert sorted(drawn.picture.shape) == [3, 1061, 1500]


def test_the_same_input_gives_the_same_bytes() -> None:
    """The picture is part of a product that can be compared by hash."""
    layers = _layers(_grid(), flood=[_ground(200, 200, 800, 800)])
    first, second = (overview.draw(layers, [(_grid(), _plain())], edition=EDITION, figures=FIGURES) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        (CRS, (500_000.0, 6_000_000.0, 504_000.0, 6_003_000.0)),
        ("EPSG:4326", (147.0, -36.2, 147.3, -36.0)),
        ("EPSG:2263", (980_000.0, 190_000.0, 1_000_000.0, 200_000.0)),
    ],
)
def test_the_scale_bar_is_true_on_the_ground(crs: str, bounds: tuple[float, float, float, float]) -> None:
    """In metres, degrees or feet: the ground under the bar, at the middle of the map, has the length it says."""
    frame = MapFrame.around(bounds, crs, 1400)
    length_px, label = frame.scale_bar(350)
    number, unit = label.split()
    length_m = float(number) * (1000 if unit == "km" else 1)
    middle_x, middle_y = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    ends = [to_degrees.transform(middle_x + offset / frame.x_scale, middle_y) for offset in (0, length_px)]
    _, _, measured = pyproj.Geod(ellps="GRS80").inv(*ends[0], *ends[1])
    assert measured == pytest.approx(length_m, rel=2e-3)
    assert 350 / 2.5 <= length_px <= 350
    assert max(frame.width_px, frame.height_px) == pytest.approx(1400, abs=1)


def test_the_map_is_cut_out_of_the_sheet() -> None:
    """For a page that is too narrow for a sheet: the map with its colours, less than the whole; no other picture."""
    layers = _layers(_grid(), flood=[_ground(200, 200, 800, 800)])
    png = overview.draw(layers, [(_grid(), _plain())], edition=EDITION, figures=FIGURES, long_side_px=LONG_SIDE_PX)
    part = cv2.imdecode(np.frombuffer(overview.map_part(png), np.uint8), cv2.IMREAD_COLOR)
    whole = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    box = Sheet.of(layers, EDITION, FIGURES).layout.map
    assert part.shape[0] < whole.shape[0]
    assert part.shape[1] == pytest.approx((box.width + 9.2) * SCALE, abs=2)
    assert (part == GREY).all(axis=2).sum() == (whole == GREY).all(axis=2).sum()
    with pytest.raises(ValueError, match="no sheet"):
        overview.map_part(cv2.imencode(".png", part)[1].tobytes())


def test_a_hundred_by_a_hundred_tiles_make_a_sheet_no_larger_than_one() -> None:
    """Memory and bytes grow with the sheet, not with the tiles."""
    grids = [_grid(west=1000.0 * column, north=1000.0 * row) for column in range(100) for row in range(100)]
    lost = [_footprint(grid) for grid in grids[:50]]
    drawn = _Map(_layers(*grids[50:], lost=lost), [])
    assert sorted(drawn.picture.shape) == [3, 1061, 1500]
    assert drawn.is_hatched(500, 500)


def test_classes_are_painted_and_named_in_any_script() -> None:
    """The picture of a comparison has the colours where the classes are, and takes a title of any script."""
    ground, colour = _ground(0, 0, 1000, 1000), (190, 120, 40)
    pictures = [
        cv2.imdecode(np.frombuffer(draw_classes(ground, classes, CRS, title, ["note"]), np.uint8), cv2.IMREAD_COLOR)
        for title, classes in (
            ("洪水", {"hit": (_ground(0, 0, 500, 1000), colour)}),
            ("Flood", {"hit": (box(0, 0, 0, 0), colour)}),
        )
    ]
    painted = [(picture == colour).all(axis=2).sum() for picture in pictures]
    assert painted[0] == pytest.approx(1372**2 / 2, rel=0.05)
    assert painted[1] < painted[0] / 100
