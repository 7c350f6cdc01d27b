"""The look of every layer, by its base name.

It has to be read on NRG imagery (vegetation red, water black), on a street map and on white paper, and by people who
do not see red against green. So outlines are a dark line within a pale casing, fills let the ground shine through,
classes differ in lightness or hatching as well as in hue. What nobody knows is hatched or grey, never a colour of
water.

Draw order is not part of a style. QGIS adds the layers of a GeoPackage from the last to the first, so that the first
one ends on top (seen in QGIS 3.22). ``DRAW_ORDER`` is the one for a map. In the file ``flood_extent`` stays the first
all the same: programs that are not told a layer read that one, and its fill lets through what lies below.
"""

from collections.abc import Callable, Iterable

from tasks.core.styles.symbols import Above, AtMost, Fill, Hatch, Is, Kind, Label, Line, Marker, Rule, Style, Symbol

FLOOD, FLOOD_EDGE = "#1496ff", "#0b3d91"  # the blue of flood on the maps of emergency services
WATER, WATER_EDGE = "#27408b", "#9ecae1"
TRACE = "#c49a3a"
UNKNOWN, UNKNOWN_GROUND = "#c800aa", "#dccdd7"
GREY, DARK, PALE = "#8c8c8c", "#303030", "#ffffff"
CHECK, CHECK_INK = "#5aff28", "#002800"
FAILED, DROPPED = "#d55e00", "#f0e442"
# Of exposure, by the share that is flooded: pale to dark, none of them blue.
DRY, LITTLE, HALF, MOST = "#f7f7f7", "#ffe08a", "#f0731a", "#a50026"
# Of maps compared.
BOTH, NEW, GONE = "#2878be", "#d22828", "#e6aa3c"
FIRST_ALONE, SECOND_ALONE = "#96bee1", "#f0aaaa"
FALSE_ALARM = "#fabe28"

FLOODED_PERCENT, UNSEEN_PERCENT = "flood_pct", "unseen_pct"
TOLD_RANKS = 10

DRAW_ORDER = (
    "to_check",
    "exposure",
    "area_of_interest",
    "not_assessed",
    "excluded",
    "change",
    "flood_trace",
    "smoothed_excluded",
    "smoothed_trace",
    "smoothed_extent",
    "flood_extent",
    "flood_extent_cut",
    "flood_extent_by_tile",
    "smoothed_normal_water",
    "normal_water",
    "tiles",
    "area_observed",
)
OFF_AT_FIRST = frozenset(
    {
        "change",
        "flood_extent_by_tile",
        "flood_extent_cut",
        "smoothed_extent",
        "smoothed_normal_water",
        "smoothed_trace",
        "smoothed_excluded",
    }
)


def _cased(colour: str, width_mm: float, casing: str = PALE, *, dashed: bool = False) -> Symbol:
    """A line within a wider one of another colour."""
    return Line(casing, width_mm + 0.5, opacity=0.8), Line(colour, width_mm, dashed)


def _area(title: str, symbol: Symbol) -> Style:
    return Style(Kind.POLYGON, (Rule(title, symbol),))


def _classes(column: str, symbols: dict[str, tuple[str, Symbol]], rest: Symbol, label: Label | None = None) -> Style:
    """A rule for each text in a column: the text, its title, its symbol."""
    rules = [Rule(title, symbol, (Is(column, text),)) for text, (title, symbol) in symbols.items()]
    return Style(Kind.POLYGON, (*rules, Rule("other", rest)), label)


def _filled(colour: str) -> Symbol:
    """A class; the casing parts what is red from red vegetation."""
    return Fill(colour, 0.8), Line(PALE, 0.6), Line(DARK, 0.2)


def _tiles() -> Style:
    symbols = {
        "done": ("tile, done", _cased(GREY, 0.3)),
        "failed": ("tile, failed", _cased(FAILED, 0.7)),
        "dropped": ("tile, dropped in review", _cased(DROPPED, 0.7, DARK, dashed=True)),
    }
    return _classes("state", symbols, _cased(GREY, 0.3), Label("tile", DARK, PALE, 7, inside=True))


def _to_check() -> Style:
    rules = (
        Rule("place to check, first ten", _cased(CHECK, 0.7, CHECK_INK), (AtMost("rank", TOLD_RANKS),)),
        Rule("place to check", _cased(CHECK, 0.3, CHECK_INK)),
    )
    return Style(Kind.POLYGON, rules, Label("rank", CHECK_INK, CHECK, 10, bold=True))


def _change() -> Style:
    symbols = {
        "kept": ("kept", _filled(BOTH)),
        "gained": ("gained", _filled(NEW)),
        "lost": ("lost", _filled(GONE)),
        "first_alone": ("seen by the first alone", _filled(FIRST_ALONE)),
        "second_alone": ("seen by the second alone", _filled(SECOND_ALONE)),
    }
    return _classes("class", symbols, _filled(GREY))


def _agreement() -> Style:
    symbols = {
        "hit": ("hit", _filled(BOTH)),
        "miss": ("miss", _filled(NEW)),
        "false_alarm": ("false alarm", _filled(FALSE_ALARM)),
    }
    return _classes("agreement", symbols, _filled(GREY))


FLOODED: Symbol = (Fill(FLOOD, 0.5), *_cased(FLOOD_EDGE, 0.3))
NORMAL: Symbol = (Fill(WATER, 0.8), Line(WATER_EDGE, 0.3))
TRACED: Symbol = (Fill(TRACE, 0.3), Hatch(TRACE, 0.3, 1.8), Line(TRACE, 0.3))
EXCLUDED: Symbol = (Fill(PALE, 0.4), Hatch(DARK, 0.3, 1.8, crossed=True), Line(DARK, 0.3))
# Copies look as what they are copies of.
SMOOTHED = {
    "smoothed_extent": ("flood", FLOODED),
    "smoothed_normal_water": ("normal water", NORMAL),
    "smoothed_trace": ("normal water, dry here", TRACED),
    "smoothed_excluded": ("excluded: not called flood", EXCLUDED),
}
AREAS: dict[str, Style] = {
    "flood_extent": _area("flood", FLOODED),
    "flood_extent_cut": _area("flood, cut on a grid", FLOODED),
    "flood_extent_by_tile": _area("flood of a tile", (Line(FLOOD_EDGE, 0.15),)),
    "normal_water": _area("normal water", NORMAL),
    "flood_trace": _area("normal water, dry here", TRACED),
    "area_observed": _area("observed", _cased(DARK, 0.4)),
    "not_assessed": _area("not assessed", (Fill(UNKNOWN_GROUND, 0.4), Hatch(UNKNOWN), Line(UNKNOWN, 0.4))),
    "area_of_interest": _area("area of interest", _cased(DARK, 0.8, dashed=True)),
    "excluded": _area("excluded: not called flood", EXCLUDED),
    "tiles": _tiles(),
    "to_check": _to_check(),
    "change": _change(),
    **{name: _area(f"{title}, smoothed", symbol) for name, (title, symbol) in SMOOTHED.items()},
    "peak": _area("flooded at one time at least", (Line(FLOOD_EDGE, 0.4, dashed=True),)),
    "agreement": _agreement(),
}


def _exposed(kind: Kind, colour: str, *, known: bool = True) -> Symbol:
    by_kind: dict[Kind, Callable[[], Symbol]] = {
        Kind.POINT: lambda: (Marker(colour, DARK),),
        Kind.LINE: lambda: (Line(DARK, 1.1), Line(colour, 0.7, dashed=not known)),
        Kind.POLYGON: lambda: (Fill(colour), *(() if known else (Hatch(DARK, 0.2, 1.2),)), Line(DARK, 0.2)),
    }
    return by_kind[kind]()


def _exposure(kind: Kind) -> Style:
    """By the share flooded; dry is only what all was seen of."""
    dry = (AtMost(FLOODED_PERCENT, 0), AtMost(UNSEEN_PERCENT, 0))
    return Style(
        kind,
        (
            Rule("not flooded", _exposed(kind, DRY), dry),
            Rule("flooded up to 10 %", _exposed(kind, LITTLE), (Above(FLOODED_PERCENT, 0, 10),)),
            Rule("flooded up to 50 %", _exposed(kind, HALF), (Above(FLOODED_PERCENT, 10, 50),)),
            Rule("flooded more than 50 %", _exposed(kind, MOST), (Above(FLOODED_PERCENT, 50),)),
            Rule("no flood seen, but not all assessed", _exposed(kind, GREY, known=False)),
        ),
    )


def style_of(base: str, geometry_type: str | None, columns: Iterable[str]) -> Style | None:
    """The style of a layer; None of a table. A layer that has no look of its own gets a plain one.

    Without any, QGIS would draw it as flood: it takes ``flood_extent.qml``, which lies beside ``flood_extent.gpkg``.

    Args:
        base: Its name without the suffix of a CRS.
        geometry_type: ``Polygon``, ``MultiLineString``, …; None of a table.
        columns: That it has: a rule on one that is missing is left out.
    """
    if geometry_type is None:
        return None
    kind = Kind.of(geometry_type)
    style = _exposure(kind) if base == "exposure" else AREAS.get(base)
    if style is None or style.kind != kind:
        return Style(kind, (Rule(base.replace("_", " "), _plain(kind)),))
    return style.of_columns(frozenset(columns))


def _plain(kind: Kind) -> Symbol:
    return (Marker(GREY, DARK),) if kind == Kind.POINT else _cased(GREY, 0.4)
