"""The look of the layers, without any GIS program."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.formats.layer_titles import LAYERS
from tasks.core.scoring.change import CLASSES
from tasks.core.scoring.scored_product import COLOURS
from tasks.core.styles import symbology
from tasks.core.styles.symbology import AREAS, DRAW_ORDER, style_of
from tasks.core.styles.symbols import AtMost, Condition, Fill, Is, Kind, Line, Style

TABLES = {"flood_source", "exposure_summary", "source"}
SHARES = st.none() | st.floats(0, 100) | st.sampled_from([0.0, 10.0, 50.0, 100.0])


def _texts(style: Style) -> set[str]:
    return {one.text for rule in style.rules for one in rule.conditions if isinstance(one, Is)}


def _holds(condition: Condition, row: dict[str, float | None]) -> bool:
    value = row[condition.column]
    if value is None or isinstance(condition, Is):
        return False
    if isinstance(condition, AtMost):
        return value <= condition.high
    return condition.low < value and (condition.high is None or value <= condition.high)


def test_every_layer_with_a_place_has_a_look_and_a_depth() -> None:
    """A layer that a product may have is never drawn as if it were unknown."""
    spatial = set(LAYERS) - TABLES
    assert spatial - {"exposure"} <= set(AREAS)
    assert spatial == set(DRAW_ORDER)


def test_columns_fit_into_a_shapefile() -> None:
    """One style serves all formats: a shapefile would cut a longer column's name."""
    styles = [*AREAS.values(), *(symbology._exposure(kind) for kind in Kind)]
    columns = {one.column for style in styles for rule in style.rules for one in rule.conditions}
    assert max(map(len, columns | {style.label.column for style in styles if style.label})) <= 10


def test_every_class_has_a_rule() -> None:
    """The classes of compared and scored products are those that the styles know."""
    assert _texts(AREAS["change"]) == set(CLASSES)
    assert _texts(AREAS["agreement"]) == set(COLOURS)


def test_a_missing_column_breaks_no_rule() -> None:
    """A product of an earlier version keeps the rest of its look."""
    style = style_of("tiles", "MultiPolygon", ["area_m2"])
    assert style is not None
    assert ([rule.title for rule in style.rules], style.label) == (["other"], None)
    exposure = style_of("exposure", "Point", [])
    assert exposure is not None
    assert [rule.title for rule in exposure.rules] == ["no flood seen, but not all assessed"]


@pytest.mark.parametrize("geometry_type", ["Point", "MultiLineString", "Polygon", "Unknown"])
def test_an_unknown_layer_is_plain(geometry_type: str) -> None:
    """It is not drawn as flood, which QGIS would do from the style file beside the GeoPackage."""
    style = style_of("levees", geometry_type, ["name"])
    assert style is not None
    assert (style.rules[0].title, style.kind) == ("levees", Kind.of(geometry_type))


def test_a_table_has_no_look() -> None:
    """There is nothing to draw."""
    assert style_of("source", None, ["src_id"]) is None


@given(flooded=SHARES, unknown=SHARES, kind=st.sampled_from(Kind))
def test_one_rule_at_most_holds_for_exposure(flooded: float | None, unknown: float | None, kind: Kind) -> None:
    """Nothing is drawn twice, dry is what all was assessed of, and what nobody knows falls to the rest."""
    row = {symbology.FLOODED_PERCENT: flooded, symbology.UNSEEN_PERCENT: unknown}
    rules = [rule for rule in symbology._exposure(kind).rules if rule.conditions]
    found = [rule.title for rule in rules if all(_holds(one, row) for one in rule.conditions)]
    assert len(found) <= 1
    assert (found == ["not flooded"]) == (flooded == 0 and unknown == 0)


# Linear RGB as it is seen without one kind of cones: Machado, Oliveira, Fernandes (2009), severity 1.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _lab(colour: str, kind: str) -> np.ndarray:
    rgb = np.array(list(bytes.fromhex(colour[1:]))) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(np.array(BLINDNESS[kind]) @ linear, 0, 1) / (XYZ @ np.ones(3))
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", BLINDNESS)
@pytest.mark.parametrize("layer", ["change", "agreement", "exposure", "tiles"])
def test_classes_differ_for_the_colour_blind(layer: str, kind: str) -> None:
    """Two colours of a layer are at least ten times what an eye can just tell apart (a CIE76 distance of 2.3)."""
    style = symbology._exposure(Kind.POLYGON) if layer == "exposure" else AREAS[layer]
    colours = [
        next(part.colour for part in reversed(rule.symbol) if isinstance(part, Line if layer == "tiles" else Fill))
        for rule in style.rules
        if layer == "exposure" or rule.conditions
    ]
    distances = {
        pair: float(np.linalg.norm(_lab(pair[0], kind) - _lab(pair[1], kind))) for pair in combinations(colours, 2)
    }
    assert {pair: round(distance) for pair, distance in distances.items() if distance < 23} == {}
