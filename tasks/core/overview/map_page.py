"""A page around a map that is no sheet: title, legend, scale bar, notes; as high as they need."""

from collections.abc import Sequence

from tasks.core.arrays import UInt8Array
from tasks.core.overview import map_edge
from tasks.core.overview.canvas import Colour, PixelCanvas
from tasks.core.overview.lettering.typesetting import wrapped
from tasks.core.overview.map_frame import Box, MapFrame
from tasks.core.overview.sheets.panel import ACCENT, Key, Paragraph, Row
from tasks.core.overview.signs import Sign

__all__ = ["Colour", "page"]  # the first for those who choose colours for a map

PIXELS_A_MM = 5.7
PAD_MM, TITLE_MM, ZOOM = 4.0, 6.0, 1.05
LEAST_WIDTH_MM = 140.0  # beside a map that is high and narrow the notes would be a column of single words
BAR_MM, BAR_SHARE = 10.0, 0.25


def page(
    picture: UInt8Array, frame: MapFrame, crs: str, *, title: str, legend: Sequence[Sign], notes: Sequence[str]
) -> UInt8Array:
    """The map with its title above, and scale bar, legend and notes below.

    Args:
        picture: The map, uint8 (height, width, 3), BGR.
        frame: Of the map.
        crs: Of the map.
        title: In one or two lines.
        legend: A line each.
        notes: One paragraph each.
    """
    edge, (high, wide) = map_edge.EDGE_MM, (side / PIXELS_A_MM for side in picture.shape[:2])
    width = max(LEAST_WIDTH_MM, wide + 2 * (edge + PAD_MM))
    inner = width - 2 * PAD_MM
    lines = wrapped(title, inner / TITLE_MM * 0.98, bold=True, at_most=2)
    box = Box(PAD_MM + edge, PAD_MM + TITLE_MM * 1.4 * len(lines) + edge, wide, high)
    rows: list[Row] = [*(Key(sign) for sign in legend), *(Paragraph(note) for note in notes)]
    top = box.bottom + edge + BAR_MM
    height = top + sum(row.height(inner, ZOOM) for row in rows) + PAD_MM
    canvas = PixelCanvas.blank(width, height, PIXELS_A_MM)
    for number, line in enumerate(lines):
        baseline = PAD_MM + TITLE_MM * (1 + 1.4 * number)
        canvas.text((PAD_MM, baseline), line, TITLE_MM, bold=True, colour=ACCENT)
    canvas.paste(picture, box)
    map_edge.draw_edge(canvas, box, frame, crs)
    bar = (PAD_MM + 2, box.bottom + edge + 4)
    length = map_edge.draw_scale_bar(canvas, bar, frame, 1 / PIXELS_A_MM, inner * BAR_SHARE)
    text = map_edge.north_text(map_edge.true_north_degrees(frame, crs), crs) + " up"
    canvas.text((bar[0] + length + 12, bar[1] + map_edge.BAR_MM), text, map_edge.LABEL_MM)
    for row in rows:
        row.draw(canvas, (PAD_MM, top), inner, ZOOM)
        top += row.height(inner, ZOOM)
    return canvas.picture
