"""What a layer's look is made of: symbols, the rules that choose one, and a label.

Sizes are millimetres on paper or screen; colours are ``#rrggbb``; opacity is 1 where nothing shines through.
"""

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What a layer's geometries are; the numbers are those of ``layerGeometryType`` in QGIS."""

    POINT = 0
    LINE = 1
    POLYGON = 2

    @classmethod
    def of(cls, geometry_type: str) -> "Kind":
        """That of an OGC geometry type, such as ``MultiPolygon``; what may be mixed counts as polygons."""
        plain = geometry_type.removeprefix("Multi").split(" ")[0]
        return {"Point": cls.POINT, "LineString": cls.LINE}.get(plain, cls.POLYGON)


@dataclass(frozen=True, slots=True)
class Fill:
    """The inside of a polygon in one colour."""

    colour: str
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Hatch:
    """The inside of a polygon in parallel strokes, rising to the right; ``crossed`` ones also fall."""

    colour: str
    width_mm: float = 0.5
    spacing_mm: float = 2.4
    crossed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a polygon's outline."""

    colour: str
    width_mm: float
    dashed: bool = False
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Marker:
    """A round sign at a point."""

    colour: str
    outline: str
    size_mm: float = 2.6
    outline_mm: float = 0.3


Symbol = tuple[Fill | Hatch | Line | Marker, ...]
"""Drawn one over the other, the first at the bottom."""


@dataclass(frozen=True, slots=True)
class Is:
    """The condition that a column holds a text."""

    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Above:
    """The condition that a column is more than ``low``, and not more than ``high`` where that is given."""

    column: str
    low: float
    high: float | None = None


@dataclass(frozen=True, slots=True)
class AtMost:
    """The condition that a column is known, and not more than ``high``."""

    column: str
    high: float


Condition = Is | Above | AtMost


@dataclass(frozen=True, slots=True)
class Rule:
    """Which features a symbol is for: those that fulfil all conditions; without any the rest."""

    title: str
    symbol: Symbol
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A column's value beside each feature.

    Attributes:
        column: Its name.
        colour: Of the letters.
        halo: Colour around them.
        size_pt: Of the letters.
        bold: Whether they are heavy.
        inside: In the middle of a feature that it fits into; else above it on the right, which hides nothing.
    """

    column: str
    colour: str
    halo: str
    size_pt: float
    bold: bool = False
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """How a layer looks.

    Attributes:
        kind: What its geometries are.
        rules: No two hold for one feature; the one for the rest comes last.
        label: None for none.
    """

    kind: Kind
    rules: tuple[Rule, ...]
    label: Label | None = None

    def of_columns(self, columns: frozenset[str]) -> "Style":
        """The style for a layer with these columns: a rule on another falls to the rest, a label on another away."""
        rules = tuple(rule for rule in self.rules if {one.column for one in rule.conditions} <= columns)
        return Style(self.kind, rules, self.label if self.label and self.label.column in columns else None)
