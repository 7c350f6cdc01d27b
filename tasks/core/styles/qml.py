"""Styles as QGIS has them: QML.

Source of the elements: what QGIS 3.22 writes. It reads files that leave out what is at its default.
"""

from xml.etree import ElementTree as ET

from tasks.core.styles.symbols import (
    Above,
    AtMost,
    Condition,
    Fill,
    Hatch,
    Is,
    Kind,
    Label,
    Line,
    Marker,
    Style,
    Symbol,
)

VERSION = "3.22.0"
SYMBOL_TYPES = {Kind.POINT: "marker", Kind.LINE: "line", Kind.POLYGON: "fill"}
# Label placement in QGIS: over a point of the feature, or horizontally within it.
OVER_POINT, HORIZONTAL = "1", "4"
ABOVE_RIGHT, OVER = "2", "4"


def qml(style: Style) -> str:
    """The style as the text of a ``.qml`` file."""
    root = ET.Element("qgis", version=VERSION, styleCategories="Symbology|Labeling")
    add_style(root, style)
    ET.SubElement(root, "layerGeometryType").text = str(int(style.kind))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def add_style(layer: ET.Element, style: Style) -> None:
    """Put the style into the element of a layer, be it of a style file or of a project."""
    layer.set("labelsEnabled", _flag(style.label))
    layer.append(_renderer(style))
    if style.label:
        layer.append(_labeling(style.label))
    ET.SubElement(layer, "blendMode").text = "0"
    ET.SubElement(layer, "layerOpacity").text = "1"


def _renderer(style: Style) -> ET.Element:
    """The element ``renderer-v2``: rules where there are several, else one symbol."""
    single = len(style.rules) == 1
    kind = "singleSymbol" if single else "RuleRenderer"
    # With symbol levels the casing of a polygon never covers its neighbour's line.
    element = ET.Element("renderer-v2", type=kind, symbollevels="1", enableorderby="0", forceraster="0")
    rules = None if single else ET.SubElement(element, "rules", key="rules")
    symbols = ET.SubElement(element, "symbols")
    for number, rule in enumerate(style.rules):
        if rules is not None:
            ET.SubElement(
                rules,
                "rule",
                key=f"rule-{number}",
                symbol=str(number),
                label=rule.title,
                filter=" AND ".join(_expression(one) for one in rule.conditions) or "ELSE",
            )
        symbols.append(_symbol(rule.symbol, SYMBOL_TYPES[style.kind], str(number)))
    return element


def _expression(condition: Condition) -> str:
    """A condition in QGIS's language."""
    column = f'"{condition.column}"'
    match condition:
        case Is(text=text):
            return f"{column} = '{text}'"
        case AtMost(high=high):
            return f"{column} <= {high}"
        case Above(low=low, high=None):
            return f"{column} > {low}"
        case Above(low=low, high=high):
            return f"{column} > {low} AND {column} <= {high}"


def _symbol(symbol: Symbol, kind: str, name: str) -> ET.Element:
    element = ET.Element("symbol", name=name, type=kind, alpha="1", clip_to_extent="1", force_rhr="0")
    for level, part in enumerate(symbol):
        match part:
            case Fill():
                _layer(
                    element,
                    "SimpleFill",
                    level,
                    color=_rgba(part.colour, part.opacity),
                    outline_style="no",
                    style="solid",
                )
            case Line():
                _layer(element, "SimpleLine", level, **_line(part))
            case Marker():
                _layer(element, "SimpleMarker", level, **_marker(part))
            case Hatch():
                for angle in ("45", "135") if part.crossed else ("45",):
                    _hatch(element, part, angle, f"@{name}@{level}", level)
    return element


def _layer(symbol: ET.Element, class_: str, level: int, **properties: str) -> ET.Element:
    layer = ET.SubElement(symbol, "layer", {"class": class_}, enabled="1", locked="0")
    layer.set("pass", str(level))
    options = ET.SubElement(layer, "Option", type="Map")
    for name, value in properties.items():
        ET.SubElement(options, "Option", name=name, type="QString", value=value)
    return layer


def _line(line: Line) -> dict[str, str]:
    return {
        "line_color": _rgba(line.colour, line.opacity),
        "line_style": "dash" if line.dashed else "solid",
        "line_width": f"{line.width_mm:g}",
        "line_width_unit": "MM",
        "joinstyle": "round",
        "capstyle": "flat" if line.dashed else "round",
    }


def _marker(marker: Marker) -> dict[str, str]:
    return {
        "name": "circle",
        "color": _rgba(marker.colour),
        "size": f"{marker.size_mm:g}",
        "size_unit": "MM",
        "outline_color": _rgba(marker.outline),
        "outline_style": "solid",
        "outline_width": f"{marker.outline_mm:g}",
        "outline_width_unit": "MM",
    }


def _hatch(symbol: ET.Element, hatch: Hatch, angle: str, name: str, level: int) -> None:
    distance = {"angle": angle, "distance": f"{hatch.spacing_mm:g}", "distance_unit": "MM"}
    layer = _layer(symbol, "LinePatternFill", level, color=_rgba(hatch.colour), **distance)
    layer.append(_symbol((Line(hatch.colour, hatch.width_mm),), "line", name))


def _labeling(label: Label) -> ET.Element:
    """The element ``labeling``."""
    element = ET.Element("labeling", type="simple")
    settings = ET.SubElement(element, "settings", calloutType="simple")
    text = ET.SubElement(
        settings,
        "text-style",
        fieldName=label.column,
        isExpression="0",
        fontSize=f"{label.size_pt:g}",
        fontSizeUnit="Point",
        fontWeight="75" if label.bold else "50",
        textColor=_rgba(label.colour),
        textOpacity="1",
    )
    ET.SubElement(
        text, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM", bufferColor=_rgba(label.halo)
    )
    place = (HORIZONTAL, OVER) if label.inside else (OVER_POINT, ABOVE_RIGHT)
    ET.SubElement(settings, "placement", placement=place[0], quadOffset=place[1], centroidInside="1", priority="5")
    ET.SubElement(settings, "rendering", drawLabels="1", obstacle="0", fitInPolygonOnly=_flag(label.inside))
    return element


def _flag(value: object) -> str:
    return "1" if value else "0"


def _rgba(colour: str, opacity: float = 1.0) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"{red},{green},{blue},{round(opacity * 255)}"
