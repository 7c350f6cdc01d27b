"""What QGIS makes of the styles: it opens the layers and renders them, and the pictures' pixels are read back."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from prairie import prairie
from qgis_headless import in_qgis
from styled_layers import EXTENT, MADE, every_layer, square

from tasks.core.formats import product_files
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.layer_assembly import assemble
from tasks.core.styles.qgis_project import write_project
from tasks.core.styles.style_files import write_style_files

SIZE = (1240, 240)  # four pixels a metre
LAYERS = [layer.name for layer in every_layer() if not layer.is_table]
RGB = tuple[int, int, int]


def _over_white(red: int, green: int, blue: int, opacity: float) -> RGB:
    mixed = [round(255 + (band - 255) * opacity) for band in (red, green, blue)]
    return mixed[0], mixed[1], mixed[2]


WHITE: RGB = (255, 255, 255)
SHARED: dict[int, RGB] = {0: (247, 247, 247), 1: (255, 224, 138), 2: (240, 115, 26), 3: (165, 0, 38)}
BLUE, RED, ORANGE = (_over_white(*rgb, 0.8) for rgb in ((40, 120, 190), (210, 40, 40), (230, 170, 60)))
# In the middle of a layer's features, by their number.
MIDDLES: dict[str, dict[int, RGB]] = {
    "flood_extent": {0: _over_white(20, 150, 255, 0.5), 1: WHITE},
    "normal_water": {0: _over_white(39, 64, 139, 0.8)},
    "area_observed": {0: WHITE},
    "flood_extent_by_tile": {0: WHITE},
    "area_of_interest_epsg7855": {0: WHITE},
    "tiles": {0: WHITE, 1: WHITE, 2: WHITE},
    "exposure_parcels": SHARED,
    "exposure_roads": SHARED,
    "exposure_sites": {**SHARED, 4: (140, 140, 140), 5: (140, 140, 140)},
    "change": {
        0: BLUE,
        1: RED,
        2: ORANGE,
        3: _over_white(150, 190, 225, 0.8),
        4: _over_white(240, 170, 170, 0.8),
    },
    "agreement": {0: BLUE, 1: RED, 2: _over_white(250, 190, 40, 0.8)},
    "levees": {0: WHITE},
}
# On the western edge of them.
EDGES: dict[str, dict[int, RGB]] = {
    "area_observed": {0: (48, 48, 48)},
    "tiles": {0: (140, 140, 140), 1: (213, 94, 0)},
    "to_check": {0: (90, 255, 40), 1: (90, 255, 40)},
    "levees": {0: (140, 140, 140)},
}
# Their dashes begin elsewhere in a shapefile, whose rings run the other way.
DASHED = {"area_of_interest_epsg7855"}
HATCHED = {"not_assessed": (200, 0, 170), "excluded_epsg7855": (48, 48, 48), "flood_trace": (196, 154, 58)}


class Seen(NamedTuple):
    """What QGIS said of each layer, and its picture of each, RGB."""

    about: dict[str, Any]
    pictures: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product's folder with every layer and its style files."""
    folder = tmp_path_factory.mktemp("product")
    product_files.write_layers(every_layer(), folder, made=MADE)
    write_style_files(folder, every_layer())
    return folder


@pytest.fixture(scope="module")
def seen(product: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """The layers as QGIS opens them from the GeoPackage; ``sld:…`` with the styles for map servers, ``shp:…``."""
    folder = tmp_path_factory.mktemp("qgis")
    inside = {name: f"{product / GEOPACKAGE}|layername={name}" for name in LAYERS}
    sources = inside | {f"sld:{name}": source for name, source in inside.items()}
    sources |= {f"shp:{path.stem}": str(path) for path in sorted(product.glob("*.shp"))}
    slds = {f"sld:{name}": str(path) for name, path in _slds(product / GEOPACKAGE, folder).items()}
    paths = {name: folder / f"{number}.png" for number, name in enumerate(sources)}
    pictures = [{"layers": [name], "extent": EXTENT, "size": SIZE, "path": str(paths[name])} for name in sources]
    about = in_qgis({"sources": sources, "slds": slds, "pictures": pictures}, folder)
    return Seen(about, {name: cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for name, path in paths.items()})


def _slds(package: Path, folder: Path) -> dict[str, Path]:
    with closing(sqlite3.connect(package)) as database:
        texts = dict(database.execute("select f_table_name, styleSLD from layer_styles"))
    for name, text in texts.items():
        (folder / f"{name}.sld").write_text(text)
    return {name: folder / f"{name}.sld" for name in texts}


def _middle(number: int) -> tuple[int, int]:
    """Column and row."""
    middle = square(number).centroid
    return round((middle.x - EXTENT[0]) * 4), round((EXTENT[3] - middle.y) * 4)


def _off(picture: np.ndarray, number: int, colour: RGB) -> int:
    column, row = _middle(number)
    return int(np.abs(picture[row, column].astype(int) - colour).max())


def _off_edge(picture: np.ndarray, number: int, colour: RGB) -> int:
    """Of the pixel beside the western edge that is nearest to the colour."""
    column, row = _middle(number)
    line = picture[row + 20, column - 83 : column - 76].astype(int)
    return int(np.abs(line - colour).max(axis=1).min())


def _wrong(seen: Seen, prefix: str = "") -> dict[tuple[str, int], int]:
    """Layers and features that are of another colour than they should be, and by how much."""
    off = {
        (name, number): _off(seen.pictures[prefix + name], number, colour)
        for name, colours in MIDDLES.items()
        for number, colour in colours.items()
    }
    return {where: amount for where, amount in off.items() if amount > 3}


def test_every_layer_is_drawn_in_its_colours(seen: Seen) -> None:
    """QGIS takes the style from the GeoPackage: known places of the picture have the colours of their classes."""
    assert all(about["valid"] for about in seen.about.values())
    assert _wrong(seen) == {}
    edges = {(n, i): _off_edge(seen.pictures[n], i, colour) for n, of in EDGES.items() for i, colour in of.items()}
    assert {where: off for where, off in edges.items() if off > 80} == {}


@pytest.mark.parametrize("prefix", ["", "sld:"])
def test_what_nobody_knows_is_hatched(seen: Seen, prefix: str) -> None:
    """In the square there are strokes of the colour, and ground between them; also as map servers have it."""
    for name, colour in HATCHED.items():
        inside = seen.pictures[prefix + name][60:180, 60:180].astype(int)
        strokes = (np.abs(inside - colour).max(axis=2) < 70).mean()
        assert 0.02 < strokes < 0.7, name


def test_labels_are_set(seen: Seen) -> None:
    """Places to check are numbered by rank, tiles carry their name."""
    labels = {name: about["label"] for name, about in seen.about.items() if about["label"]}
    assert labels == {"tiles": "tile", "to_check": "rank"}


def test_the_styles_for_map_servers_say_the_same(seen: Seen) -> None:
    """QGIS draws the SLD in the same colours, the rest of the features among them, and with labels."""
    assert _wrong(seen, "sld:") == {}
    labelled = {name for name in LAYERS if seen.about[f"sld:{name}"]["label"] is not None}
    assert labelled == {"tiles", "to_check"}


def test_a_shapefile_takes_the_style_beside_it(seen: Seen) -> None:
    """QGIS finds the .qml of the same stem by itself, and draws what it draws from the GeoPackage."""
    names = [name.removeprefix("shp:") for name in seen.about if name.startswith("shp:")]
    assert len(names) >= 3
    for name in names:
        pictures = seen.pictures[f"shp:{name}"], seen.pictures[name]
        if name in DASHED:
            drawn = [np.count_nonzero((picture < 255).any(axis=2)) for picture in pictures]
            assert drawn == pytest.approx([drawn[0]] * 2, rel=0.05)
        else:
            assert np.array_equal(*pictures), name


@pytest.mark.slow
def test_a_project_opens_where_it_was_moved_to(product: Path, tmp_path: Path) -> None:
    """Titles, styles and draw order are there, and every layer is found beside the project."""
    write_project(product / GEOPACKAGE, every_layer())
    moved = shutil.copytree(product, tmp_path / "moved")
    about = in_qgis({"project": str((moved / GEOPACKAGE).with_suffix(".qgs"))}, tmp_path)
    assert all(layer["valid"] for layer in about.values())
    titles = [layer["title"] for layer in about.values()]
    assert titles.index("Places to check") < titles.index("Flood extent") < titles.index("Area observed")
    assert about["flood_extent_gpkg_change"]["rules"][:2] == ["kept", "gained"]


@pytest.mark.slow
def test_the_map_of_real_lakes_is_where_people_drew_them(tmp_path: Path) -> None:
    """What QGIS paints blue of a product is what was given as flood, to within the width of its outline."""
    scene = prairie(2020)
    height, width = scene.water.shape
    grid = Grid(width, height, (5.0, 0.0, 500_000.0, 0.0, -5.0, 6_000_000.0), "EPSG:26914")
    extent = extract(scene.water.astype(np.uint8), scene.valid, grid, [1])
    product_files.write_layers(assemble([AnsweredTile("a.jp2", grid, extent, 1.0)], [], 0.0), tmp_path)
    bounds = (500_000.0, 6_000_000.0 - 5 * height, 500_000.0 + 5 * width, 6_000_000.0)
    picture = {
        "layers": ["flood_extent"],
        "extent": bounds,
        "size": (width, height),
        "path": str(tmp_path / "map.png"),
    }
    source = f"{tmp_path / GEOPACKAGE}|layername=flood_extent"
    in_qgis({"sources": {"flood_extent": source}, "pictures": [picture]}, tmp_path)
    drawn = cv2.imread(str(tmp_path / "map.png"))
    blue = np.abs(drawn.astype(int) - (255, 203, 138)).max(axis=2) < 40
    water = scene.water & scene.valid
    inner = cv2.erode(water.astype(np.uint8), np.ones((9, 9)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outer = cv2.dilate(water.astype(np.uint8), np.ones((9, 9))).astype(bool)
    assert blue[inner.astype(bool)].mean() > 0.999
    assert not blue[~outer].any()
