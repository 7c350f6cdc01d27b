"""The map's part of the page: where the script draws it, and its legend with a switch for each layer."""

from collections.abc import Sequence

from tasks.core.reports.html.elements import paragraph, section, text
from tasks.core.reports.html.map_data import MapSet
from tasks.core.reports.html.signs import EXPOSURE, Sign, sign_of, title

NOTHING = "No tile could be placed: there is no map."
NO_SCRIPT = "The map needs JavaScript, which is off here. overview.png beside this page shows the same."
THINNED = (
    "Outlines are simplified to {:.2g} m here and what is smaller is left out, to keep the page small; the exact ones "
    "are in the GeoPackage."
)
COLOURS = " (red: flooded, magenta: not assessed)"
SWATCH_LINE_PX = 2.5
PICTURE = "Imagery: near infrared as red, so plants are red and water is dark"


def map_section(sets: Sequence[MapSet]) -> str:
    """The map with its legend; a sentence where nothing has a place."""
    if not sets:
        return section("map-section", "Map", paragraph(NOTHING))
    panels = "".join(_panel(number, one, len(sets)) for number, one in enumerate(sets))
    return section(
        "map-section",
        "Map",
        f'<div id="no-map">{paragraph(NO_SCRIPT)}</div>\n',
        '<div class="map-and-legend"><div class="map-frame"><div id="map" role="application" aria-label="Map"></div>',
        '<output id="position" for="map"></output></div>',
        f'<div class="panel">{_choice(sets)}{panels}</div></div>\n',
    )


def _choice(sets: Sequence[MapSet]) -> str:
    """Which CRS the map shows, where there are several: nothing is reprojected."""
    if len(sets) == 1:
        return ""
    options = "".join(f'<option value="{number}">{text(one.data["crs"])}</option>' for number, one in enumerate(sets))
    return f'<label class="choice">Tiles in <select id="map-set">{options}</select></label>'


def _panel(number: int, one: MapSet, of: int) -> str:
    picture = [_switch(f"{number}:picture", '<i class="swatch picture"></i>', PICTURE, "", shown=True)]
    # As on the map: what is drawn last lies on top.
    rows = [_layer_switch(number, one, place) for place in reversed(range(len(one.layers)))]
    rows += picture if one.data["picture"] else []
    hidden = " hidden" if number else ""
    about = [f"Coordinates: {one.data['crs']}."] if of == 1 else []
    about += [THINNED.format(one.tolerance_m)] if one.tolerance_m else []
    return (
        f'<fieldset class="legend" data-set="{number}"{hidden}><legend>Layers</legend>{"".join(rows)}</fieldset>'
        f'<div class="note" data-set="{number}"{hidden}>{paragraph(*about) if about else ""}</div>'
    )


def _layer_switch(number: int, one: MapSet, place: int) -> str:
    layer = one.layers[place]
    sign = sign_of(layer)
    count = f"{len(layer):,}" + (f" of {len(layer) + layer.left_out:,}" if layer.left_out else "")
    name = title(layer) + (COLOURS if layer.base == EXPOSURE else "")
    return _switch(f"{number}:{layer.name}", _swatch(sign), name, count, shown=sign.shown)


def _switch(name: str, swatch: str, about: str, count: str, *, shown: bool) -> str:
    checked = " checked" if shown else ""
    counted = f' <span class="count">{count}</span>' if count else ""
    return (
        f'<label><input type="checkbox" data-layer="{text(name)}" autocomplete="off"{checked}>{swatch}'
        f"<span>{text(about)}{counted}</span></label>"
    )


def _swatch(sign: Sign) -> str:
    """A small picture of a layer's look."""
    dash = f' stroke-dasharray="{sign.dash_px}"' if sign.dash_px else ""
    ground = f' fill="{sign.fill}" fill-opacity="{sign.opacity}"' if sign.fill and not sign.hatch else ' fill="none"'
    lines = "".join(f"M{x} 16l12-16" for x in range(-8, 28, 6)) if sign.hatch else ""
    hatch = f'<path d="{lines}" stroke="{sign.line}" stroke-width="1.5"/>' if sign.hatch else ""
    width_px = min(sign.width_px, SWATCH_LINE_PX)
    return (
        '<svg class="swatch" viewBox="0 0 28 16" aria-hidden="true">'
        f'{hatch}<rect x="1.5" y="1.5" width="25" height="13" stroke="{sign.line}" stroke-width="{width_px}"'
        f"{ground}{dash}/></svg>"
    )
