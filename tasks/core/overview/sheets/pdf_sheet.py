"""``overview.pdf``: the sheet as vectors over the imagery, for print (extra ``map``)."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.overview import signs
from tasks.core.overview.map_frame import Box, MapFrame
from tasks.core.overview.map_painting import DOT_MM, blank_unseen, exposure_by_state, geometries
from tasks.core.overview.mosaic import Images, mosaic
from tasks.core.overview.sheets.figures import Figures, captured_text
from tasks.core.overview.sheets.pdf_canvas import POINTS_A_MM, PdfCanvas
from tasks.core.overview.sheets.sheet import draw_sheet
from tasks.core.overview.sheets.sheet_layout import Sheet
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.product.to_check import TO_CHECK, TOLD

PIXELS_A_MM = 6.0  # 152 to the inch
TOLERANCE_POINTS = 0.2


def draw_pdf(layers: Sequence[Layer], images: Images, *, edition: Edition, figures: Figures) -> bytes:
    """Draw the sheet as a PDF of one page, A3: what ``overview.draw`` draws, as vectors over the imagery.

    Outlines are thinned where that moves them by no more than a fifth of a point on paper, and the sheet says so. The
    same input gives the same bytes.

    Args:
        layers: The product's layers.
        images: As for ``overview.draw``.
        edition: Whose product it is; its time is the PDF's.
        figures: Of ``run.json``.

    Raises:
        UnusableArgument: matplotlib is not installed.
    """
    sheet = Sheet.of(layers, edition, figures)
    layout, said = sheet.layout, list[str]()
    canvas = PdfCanvas(layout.width, layout.height)
    frame = sheet.frame(PIXELS_A_MM) if sheet.group else None
    if frame is not None:
        picture = mosaic(frame, images, sheet.crs)
        blank_unseen(picture, frame, sheet.group)
        canvas.image(picture, layout.map)
        vectors = _Vectors(frame, layout.map)
        with canvas.clipped(layout.map):
            _draw_layers(canvas, vectors, sheet.group)
        ground_m = TOLERANCE_POINTS / POINTS_A_MM * PIXELS_A_MM * frame.metres_per_px
        said += [f"Outlines are thinned to within {ground_m:.2g} m here; the product's files have them exact."]
    draw_sheet(canvas, sheet, frame, said if frame is not None and vectors.is_thinned else ())
    return canvas.to_bytes(_about(edition))


class _Vectors:
    """Geometries as lines on the paper, thinned; ``is_thinned`` says whether that took any vertex away."""

    def __init__(self, frame: MapFrame, box: Box) -> None:
        self._frame, self._box, self.is_thinned = frame, box, False

    def on_paper(self, ground: ObjectArray) -> ObjectArray:
        """Geometries in mm on the paper; exteriors turn one way, holes the other."""
        paper = shapely.transform(ground, lambda places: self._frame.on_paper(places, self._box))
        thin = shapely.simplify(paper, TOLERANCE_POINTS / POINTS_A_MM)
        before, after = (shapely.get_num_coordinates(one).sum() for one in (paper, thin))
        self.is_thinned |= bool(after < before)
        return np.asarray(shapely.orient_polygons(thin), np.object_)


def _draw_layers(canvas: PdfCanvas, vectors: _Vectors, group: Mapping[str, Layer]) -> None:
    lost = shapely.union_all(vectors.on_paper(geometries(group, "not_assessed")))
    seen = vectors.on_paper(geometries(group, "area_observed")) if not lost.is_empty else np.empty(0, np.object_)
    unseen = shapely.difference(lost, shapely.union_all(seen))
    canvas.area(_rings(np.array([shapely.orient_polygons(unseen)], np.object_)), signs.NOT_ASSESSED)
    edges = _rings(vectors.on_paper(geometries(group, "tiles")))
    canvas.lines(edges, signs.TILES.line or (255, 255, 255), signs.TILES.line_mm, signs.TILES_SHARE)
    for base, sign in signs.AREAS.items():
        canvas.area(_rings(vectors.on_paper(geometries(group, base))), sign.style)
    for state, exposed in exposure_by_state(group).items():
        _draw_any(canvas, vectors.on_paper(exposed), signs.EXPOSED[state])
    canvas.area(_rings(vectors.on_paper(geometries(group, "area_of_interest"))), signs.AREA_OF_INTEREST)
    for place in geometries(group, TO_CHECK)[:TOLD]:
        canvas.area(_rings(vectors.on_paper(np.array([place], np.object_))), signs.PLACES)


def _rings(areas: ObjectArray) -> list[FloatArray]:
    return _coordinates(shapely.get_rings(shapely.get_parts(areas)))


def _coordinates(lines: ObjectArray) -> list[FloatArray]:
    places, owner = shapely.get_coordinates(lines, return_index=True)
    return np.split(places, np.flatnonzero(np.diff(owner)) + 1) if len(places) else []


def _draw_any(canvas: PdfCanvas, exposed: ObjectArray, sign: signs.Sign) -> None:
    parts = shapely.get_parts(exposed)
    kinds, colour = shapely.get_dimensions(parts), sign.style.fill or (0, 0, 0)
    canvas.area(_rings(parts[kinds == 2]), sign.style)  # noqa: PLR2004 - areas
    canvas.lines(_coordinates(parts[kinds == 1]), colour, 2 * sign.style.line_mm)
    for x, y in shapely.get_coordinates(parts[kinds == 0]).tolist():
        canvas.disc((x, y), DOT_MM, colour)


def _about(edition: Edition) -> dict[str, object]:
    return {
        "Title": edition.title,
        "Subject": f"Flood extent, {captured_text(edition)}; release {edition.release}",
        "Author": edition.attribution or "",
        "Keywords": ", ".join(filter(None, ("flood extent", edition.event.id, edition.event.type))),
        "Creator": "flood-extent",
        "CreationDate": edition.made,
    }
