"""Styles as map servers and other GIS programs have them: Styled Layer Descriptor 1.0.0.

Version 1.0.0 and not 1.1 with Symbology Encoding, for MapServer, GeoServer and QGIS all read it. Only what each of them
draws is used: hatching is the mark ``x`` repeated, for it alone is a name of the standard; and the rest of the features
has a filter of its own, for QGIS 3.22 passes over ``ElseFilter``.

Source: OGC 02-070, Styled Layer Descriptor Implementation Specification 1.0.0; OGC 02-059, Filter Encoding 1.0.0.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from tasks.core.styles.symbols import Above, AtMost, Condition, Fill, Hatch, Is, Label, Line, Marker, Rule, Style

SLD, OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
PIXEL_MM = 0.28  # the pixel of the standard
POINT_MM = 25.4 / 72
DASH_WIDTHS = (4, 2)  # as long as QGIS draws them


def sld(style: Style, name: str) -> str:
    """The style as the text of an ``.sld`` file; ``name`` is the layer's."""
    root = ET.Element("StyledLayerDescriptor", {"version": "1.0.0", "xmlns": SLD, "xmlns:ogc": OGC})
    layer = _text(root, "NamedLayer")
    _text(layer, "Name", name)
    user_style = _text(layer, "UserStyle")
    _text(user_style, "Name", name)
    rules = _text(user_style, "FeatureTypeStyle")
    for rule in style.rules:
        _rule(rules, rule, style)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _rule(rules: ET.Element, rule: Rule, style: Style) -> None:
    element = _text(rules, "Rule")
    _text(element, "Name", rule.title)
    _text(element, "Title", rule.title)
    if rule.conditions:
        _all(_text(element, "ogc:Filter"), rule.conditions)
    elif len(style.rules) > 1:
        _rest(_text(element, "ogc:Filter"), [other.conditions for other in style.rules if other.conditions])
    for part in rule.symbol:
        _symbolizer(element, part)
    if style.label:
        _label(element, style.label)


def _rest(parent: ET.Element, others: Sequence[tuple[Condition, ...]]) -> None:
    """What fulfils none of the others; in QGIS a comparison with NULL is neither true nor false."""
    either = _text(parent, "ogc:Or")
    negated = _text(either, "ogc:Not")
    negated = negated if len(others) == 1 else _text(negated, "ogc:Or")
    for conditions in others:
        _all(negated, conditions)
    for column in sorted({one.column for conditions in others for one in conditions}):
        _text(_text(either, "ogc:PropertyIsNull"), "ogc:PropertyName", column)


def _all(parent: ET.Element, conditions: Sequence[Condition]) -> None:
    comparisons = [part for one in conditions for part in _comparisons(one)]
    parent = parent if len(comparisons) == 1 else _text(parent, "ogc:And")
    for operator, column, value in comparisons:
        element = _text(parent, f"ogc:PropertyIs{operator}")
        _text(element, "ogc:PropertyName", column)
        _text(element, "ogc:Literal", value)


def _comparisons(condition: Condition) -> list[tuple[str, str, str]]:
    match condition:
        case Is(column, text):
            return [("EqualTo", column, text)]
        case AtMost(column, high):
            return [("LessThanOrEqualTo", column, f"{high:g}")]
        case Above(column, low, high):
            above = [("GreaterThan", column, f"{low:g}")]
            return above if high is None else [*above, ("LessThanOrEqualTo", column, f"{high:g}")]


def _symbolizer(rule: ET.Element, part: Fill | Hatch | Line | Marker) -> None:
    match part:
        case Fill():
            _fill(_text(rule, "PolygonSymbolizer"), part.colour, part.opacity)
        case Line():
            _stroke(_text(rule, "LineSymbolizer"), part)
        case Hatch():
            _hatch(_text(rule, "PolygonSymbolizer"), part)
        case Marker():
            graphic = _text(_text(rule, "PointSymbolizer"), "Graphic")
            _mark(graphic, part)
            _text(graphic, "Size", _pixels(part.size_mm))


def _fill(parent: ET.Element, colour: str, opacity: float = 1.0) -> None:
    fill = _text(parent, "Fill")
    _parameter(fill, "fill", colour)
    if opacity < 1:
        _parameter(fill, "fill-opacity", f"{opacity:g}")


def _stroke(parent: ET.Element, line: Line) -> None:
    stroke = _text(parent, "Stroke")
    _parameter(stroke, "stroke", line.colour)
    _parameter(stroke, "stroke-width", _pixels(line.width_mm))
    if line.opacity < 1:
        _parameter(stroke, "stroke-opacity", f"{line.opacity:g}")
    if line.dashed:
        _parameter(stroke, "stroke-dasharray", " ".join(_pixels(line.width_mm * width) for width in DASH_WIDTHS))
    else:
        _parameter(stroke, "stroke-linejoin", "round")


def _hatch(polygon: ET.Element, hatch: Hatch) -> None:
    graphic = _text(_text(_text(polygon, "Fill"), "GraphicFill"), "Graphic")
    mark = _text(graphic, "Mark")
    _text(mark, "WellKnownName", "x")
    _fill(mark, hatch.colour)
    _stroke(mark, Line(hatch.colour, hatch.width_mm))
    _text(graphic, "Size", _pixels(hatch.spacing_mm))


def _mark(graphic: ET.Element, marker: Marker) -> None:
    mark = _text(graphic, "Mark")
    _text(mark, "WellKnownName", "circle")
    _fill(mark, marker.colour)
    _stroke(mark, Line(marker.outline, marker.outline_mm))


def _label(rule: ET.Element, label: Label) -> None:
    text = _text(rule, "TextSymbolizer")
    _text(_text(text, "Label"), "ogc:PropertyName", label.column)
    font = _text(text, "Font")
    _parameter(font, "font-family", "sans-serif")
    _parameter(font, "font-size", _pixels(label.size_pt * POINT_MM))
    _parameter(font, "font-weight", "bold" if label.bold else "normal")
    point = _text(_text(text, "LabelPlacement"), "PointPlacement")
    anchor = _text(point, "AnchorPoint")
    _text(anchor, "AnchorPointX", "0.5" if label.inside else "0")
    _text(anchor, "AnchorPointY", "0.5" if label.inside else "0")
    halo = _text(text, "Halo")
    _text(halo, "Radius", _pixels(0.6))
    _fill(halo, label.halo)
    _fill(text, label.colour)


def _text(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = text
    return element


def _parameter(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, "CssParameter", name=name).text = value


def _pixels(millimetres: float) -> str:
    return f"{millimetres / PIXEL_MM:.2f}".rstrip("0").rstrip(".")
