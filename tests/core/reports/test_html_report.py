"""report.html: its figures are the layers', it fetches nothing, and no name or error becomes part of the page."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pyproj
import pytest
import shapely
from flood_products import BAD, CRS, ERROR, grid, ground, small_edition, small_layers, small_record, with_area
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer, table
from tasks.core.reports.html.pictures import Imagery
from tasks.core.reports.html_report import html_report

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'& \u2028 ]]> <!-- {policy} \udce9.jp2"
VOID = {"meta", "img", "input", "br", "hr", "link", "rect", "path"}


class Page(HTMLParser):
    """Elements with attributes, the text of each cell of each table by caption, and of each script and style."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self._caption = ""
        self.feed(page.decode())
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.elements.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that is open."""
        if tag in VOID:
            return
        assert self.open.pop() == tag
        if tag == "caption":
            self._caption = self.texts["caption"][-1]

    def handle_data(self, data: str) -> None:
        """Add the text to all that is open."""
        for tag in self.open:
            self.texts[tag][-1] += data
        if {"td", "th"} & set(self.open):
            self.tables[self._caption][-1][-1] += data

    @property
    def sets(self) -> list[dict[str, object]]:
        """What the map shows."""
        (data,) = (
            text
            for text, (_, attributes) in zip(self.texts["script"], self.named("script"), strict=True)
            if attributes.get("id") == "map-data"
        )
        return list(json.loads(data)["sets"])

    def named(self, tag: str) -> list[tuple[str, dict[str, str | None]]]:
        """Elements of a kind."""
        return [element for element in self.elements if element[0] == tag]

    @property
    def figures(self) -> dict[str, str]:
        """The large figures, by name."""
        return dict(zip(self.texts["dt"], self.texts["dd"], strict=True))


def made(
    layers: list[Layer] | None = None, edition: Edition | None = None, bad: str = BAD, error: str = ERROR
) -> bytes:
    layers = small_layers(bad, error) if layers is None else layers
    return html_report(small_record(layers, bad, error), layers, edition or small_edition(bad))


def column_of(values: Any, rows: int) -> list[Any]:
    """A column as the page's script reads it."""
    if isinstance(values, list):
        return values
    return [values["values"][place] for place in values.get("at", [0] * rows)]


def area_ha(layers: list[Layer], base: str) -> str:
    total = sum(float(layer.columns["area_m2"].sum()) for layer in layers if layer.base == base)
    return f"{total / 10_000:,.2f} ha"


def test_the_figures_are_those_of_the_layers() -> None:
    """Large figures, tables and map say what the columns of the layers add up to."""
    layers = [*small_layers(), with_area("normal_water", 123_456.7), with_area("flood_trace", 22_000.0)]
    page = Page(made(layers))
    assert page.figures["Flooded"] == area_ha(layers, "flood_extent")
    assert page.figures["Observed"] == area_ha(layers, "area_observed")
    assert page.figures["Not assessed"] == area_ha(layers, "not_assessed")
    assert (page.figures["Normal water"], page.figures["Flood trace"]) == ("12.35 ha", "2.20 ha")
    assert (page.figures["Tiles answered"], page.figures["Tiles without an answer"]) == ("2 of 3", "1")
    tiles = next(layer for layer in layers if layer.base == "tiles")
    shown = {row[0]: row[3] for row in page.tables["Every tile, those without an answer first"][1:]}
    expected = [f"{value / 10_000:,.2f}" if np.isfinite(value) else "–" for value in tiles.columns["flood_m2"]]
    assert [shown[tile] for tile in tiles.columns["tile"]] == expected


def test_the_map_has_the_columns_of_the_layers() -> None:
    """Every column and feature of a layer is on the map, as it is in files; the cut copies are not."""
    layers = small_layers()
    (one,) = Page(made(layers)).sets
    by_name = {layer["name"]: layer for layer in one["layers"]}
    assert set(by_name) == {"flood_extent", "area_observed", "not_assessed", "tiles", "to_check"}
    for layer in layers:
        if layer.name in by_name:
            columns = dict(zip(by_name[layer.name]["names"], by_name[layer.name]["columns"], strict=True))
            assert list(columns) == list(layer.columns)
            for name, values in layer.columns.items():
                if values.dtype == np.float64:
                    shown = np.array(column_of(columns[name], len(layer)), np.float64)
                    assert np.allclose(shown, values, atol=1e-3, equal_nan=True)
                else:
                    assert column_of(columns[name], len(layer)) == values.tolist()


def test_what_all_polygons_share_is_said_once() -> None:
    """Event, run and model of thousands of polygons cost the page a word each."""
    edition = small_edition()
    layers = described(small_layers(), edition)
    (one,) = Page(made(layers, edition)).sets
    flood = next(layer for layer in one["layers"] if layer["base"] == "flood_extent")
    columns = dict(zip(flood["names"], flood["columns"], strict=True))
    assert len(flood["rows"]) == 2
    assert columns["event_id"] == {"values": ["FL-2026-1"]}
    assert column_of(columns["run_id"], 2) == ["1234", "1234"]


def test_failed_tiles_come_first_and_by_name() -> None:
    """A tile without an answer stands above the map and at the head of its table, with its error and a way to it."""
    page = Page(made())
    first = page.tables["Every tile, those without an answer first"][1]
    assert first[:3] == [BAD, "failed", ERROR]
    assert (
        f"{BAD} (failed): {ERROR}"
        in page.texts["ul"][[*map(str.strip, page.texts["ul"])].index(f"{BAD} (failed): {ERROR}")]
    )
    zooms = {attributes["data-zoom"] for _, attributes in page.named("a") if "data-zoom" in attributes}
    (one,) = page.sets
    tiles = next(layer for layer in one["layers"] if layer["name"] == "tiles")
    row = tiles["rows"][column_of(tiles["columns"][0], 3).index(BAD)]
    assert f"tiles:{row}" in zooms


@pytest.mark.parametrize("hostile", [HOSTILE, "javascript:alert(1)", "${7*7}\\u003c", "\x00\x1b[31m\u202e"])
def test_names_and_errors_are_text(hostile: str) -> None:
    """Whatever a file or an event is called, the page has the same elements, and its own script alone is run."""
    edition = small_edition(hostile, hostile, hostile)
    layers = small_layers(hostile, hostile)
    layers.append(table(f"x{hostile}", {hostile: np.array([hostile], np.object_)}))
    page = Page(made(layers, edition, hostile, hostile))
    tame = [*small_layers("t.jp2", "t"), table("xt", {"t": np.array(["t"], np.object_)})]
    calm = Page(made(tame, small_edition("t.jp2", "t", "t"), "t.jp2", "t"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in calm.elements]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.texts["script"][-1] == calm.texts["script"][-1]


@settings(max_examples=25)
@given(st.text(max_size=40).filter(lambda name: ".." not in name.split("/")))
def test_any_name_reads_back(name: str) -> None:
    """What the table shows of a name is the name, without what cannot be shown; and the map's data is JSON."""
    page = Page(made(bad=f"town/{name}x.jp2"))
    shown = page.tables["Every tile, those without an answer first"][1][0]
    assert shown.replace("\N{REPLACEMENT CHARACTER}", "").endswith("x.jp2")
    assert page.sets


def test_nothing_is_fetched() -> None:
    """No element names anything but a place in the page or a file beside it; the policy forbids all the rest."""
    page = Page(made())
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "action", "data", "style"} & set(attributes), tag
        target = attributes.get("href") or "#"
        assert target.startswith(("#", "./")), target
    assert "url(" not in "".join(page.texts["style"])
    assert "@import" not in "".join(page.texts["style"])
    assert "sourceMappingURL" not in "".join(page.texts["script"])


def test_the_policy_runs_the_own_script_alone() -> None:
    """The hashes in the Content-Security-Policy are those of the page's script and style, and all else is forbidden."""
    page = Page(made())
    (policy,) = (
        str(attributes["content"])
        for _, attributes in page.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for directive, content in (("style-src", page.texts["style"][0]), ("script-src", page.texts["script"][-1])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_the_licence_of_the_map_library_goes_with_it() -> None:
    """Leaflet's licence asks for its copyright, conditions and disclaimer wherever it goes."""
    script = Page(made()).texts["script"][-1]
    for words in ("Copyright (c) 2010-2022", "Redistributions of source code", "THIS SOFTWARE IS PROVIDED"):
        assert words in script
    assert re.search(r'version="1\.9\.\d"', script)


def test_the_same_run_gives_the_same_bytes() -> None:
    """A page can be compared by its hash."""
    assert made() == made()


def test_two_crss_are_two_maps() -> None:
    """Nothing is reprojected: a switch shows the one or the other."""
    other = "EPSG:7854"
    layers = [
        *(
            Layer(one.base, one.geometry_type, one.crs, one.geometries, one.columns, "_epsg7855")
            for one in small_layers()
        ),
        *(
            Layer(one.base, one.geometry_type, one.crs, one.geometries, one.columns, "_epsg7854")
            for one in small_layers(crs=other)
        ),
    ]
    page = Page(made(layers))
    assert [one["crs"].split("(")[1] for one in page.sets] == ["EPSG:7854)", "EPSG:7855)"]
    assert len([1 for _, attributes in page.named("select") if attributes.get("id") == "map-set"]) == 1


def test_exposure_in_another_crs_is_on_the_same_map() -> None:
    """Buildings in degrees lie where PROJ puts them, those beyond the map are left out, and their shares are shown."""
    to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:7844", always_xy=True)
    houses = [box(x, 6_000_040, x + 10, 6_000_050) for x in (500_020, 500_250, 900_000)]
    degrees = [shapely.transform(one, to_degrees.transform, interleaved=False) for one in houses]
    shares = {"flood_pct": np.array([100.0, 0.0, 0.0]), "unseen_pct": np.array([0.0, 100.0, 0.0])}
    houses_layer = Layer("exposure", "Polygon", "EPSG:7844", np.array(degrees, np.object_), shares, "_houses")
    page = Page(made([*small_layers(), houses_layer]))
    (one,) = page.sets
    (shown,) = (layer for layer in one["layers"] if layer["base"] == "exposure")
    assert shown["title"] == "Exposure: houses"
    assert [column_of(one, 2) for one in shown["columns"]] == [[100.0, 0.0], [0.0, 100.0]]
    assert shown["heads"] == ["flood, %", "unseen, %"]
    ((ring,),) = shown["features"][0]
    assert np.array(ring[:2]) * one["step_m"] == pytest.approx([30, 40], abs=0.2)


def test_nothing_placed_is_a_page_without_a_map() -> None:
    """Where no tile has a place the tables are there all the same."""
    lost = [Layer(one.base, one.geometry_type, None, np.full(len(one), None), one.columns) for one in small_layers()]
    page = html_report(small_record(small_layers()), lost, small_edition())
    assert b"there is no map" in page
    assert Page(page).sets == []


def test_the_picture_is_in_the_page() -> None:
    """A JPEG goes in as it is, at its bounds; what is not a picture is refused."""
    jpeg = cv2.imencode(".jpg", np.full((20, 30, 3), 90, np.uint8))[1].tobytes()
    layers = small_layers()
    west, south, east, north = ground(grid(0)).bounds
    page = html_report(small_record(layers), layers, small_edition(), [Imagery(jpeg, (west, south, east, north), CRS)])
    (one,) = Page(page).sets
    kind, encoded = one["picture"]["uri"].split(",")
    assert (kind, base64.b64decode(encoded)) == ("data:image/jpeg;base64", jpeg)
    assert one["picture"]["bounds"] == [0, 0, 100 / one["step_m"], 100 / one["step_m"]]
    with pytest.raises(ValueError, match="no picture"):
        html_report(small_record(layers), layers, small_edition(), [Imagery(b"x", (0, 0, 1, 1), CRS)])
