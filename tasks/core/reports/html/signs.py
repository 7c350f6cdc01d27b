"""How layers look on the page's map: which are on it, in which order, in which colours."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.core.formats.layer_titles import LAYERS
from tasks.core.product.layer import Layer

FLOOD, NORMAL_WATER, TRACE = "flood_extent", "normal_water", "flood_trace"
NOT_ASSESSED, TILES, TO_CHECK = "not_assessed", "tiles", "to_check"
EXPOSURE, FLOOD_PCT, UNSEEN_PCT = "exposure", "flood_pct", "unseen_pct"
# The joined extent says it better, and a click gives the same columns.
LEFT_OUT = ("flood_extent_by_tile",)


@dataclass(frozen=True, slots=True)
class Sign:
    """Colours of a layer, as ``#rrggbb``.

    Attributes:
        line: Outlines.
        fill: Ground; empty for none.
        opacity: Of the ground, 0 to 1.
        width_px: Of the outlines.
        dash_px: Of the outlines, as SVG writes dashes; empty for none.
        hatch: Whether the ground is hatched rather than tinted.
        thins: Whether the outlines are thin from far away, where they would hide the ground.
        shown: Whether the layer is on when the page opens.
    """

    line: str
    fill: str = ""
    opacity: float = 0.45
    width_px: float = 1.5
    dash_px: str = ""
    hatch: bool = False
    thins: bool = True
    shown: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For the page's script."""
        return asdict(self)


# In the order in which they are drawn. Near infrared, red, green as red, green, blue is red of plants and black of
# water: yellow stands out on each, and a blue tint lights up black water only.
SIGNS = {
    "area_observed": Sign("#ffffff", width_px=2.5),
    TILES: Sign("#1a1a1a", width_px=1),
    NOT_ASSESSED: Sign("#b5007d", "#b5007d", hatch=True, width_px=2, thins=False),
    NORMAL_WATER: Sign("#0b5fa5", "#0b3c8c", 0.55),
    TRACE: Sign("#8a5a12", "#d9a441", 0.55),
    FLOOD: Sign("#ffef00", "#1496ff"),
    "excluded": Sign("#3a3a3a", "#3a3a3a", hatch=True),
    EXPOSURE: Sign("#4a4a4a", "#8a8a8a", 0.5, shown=False),
    "area_of_interest": Sign("#111111", width_px=3, dash_px="10 6", thins=False),
    TO_CHECK: Sign("#28ff5a", width_px=2, thins=False),
}
OTHER = Sign("#5f3dc4", "#5f3dc4", 0.25, shown=False)


def sign_of(layer: Layer) -> Sign:
    """Of a layer; those that are not known here look alike and are off at first."""
    return SIGNS.get(layer.base, OTHER)


def on_map(layers: Sequence[Layer]) -> list[Layer]:
    """The layers that the map has, in the order in which they are drawn."""
    order = {base: number for number, base in enumerate(SIGNS)}
    there = [layer for layer in layers if not layer.is_table and layer.base not in LEFT_OUT]
    return sorted(there, key=lambda layer: order.get(layer.base, order[EXPOSURE]))


def title(layer: Layer) -> str:
    """Of a layer, for people; of exposure with the name of what was given."""
    known = LAYERS[layer.base].title if layer.base in LAYERS else layer.base.replace("_", " ")
    return f"{known}: {layer.suffix.strip('_').replace('_', ' ')}" if layer.base == EXPOSURE else known
