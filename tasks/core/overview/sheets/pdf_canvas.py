"""A page of a PDF as paper, by matplotlib (extra ``map``): vectors, and text that can be selected."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, UInt8Array
from tasks.core.errors import UnusableArgument
from tasks.core.overview.canvas import HATCH_LINE_MM, HATCH_STEP_MM, INK, Anchor, Colour, Style
from tasks.core.overview.lettering.font_files import is_postscript
from tasks.core.overview.lettering.text_runs import runs
from tasks.core.overview.lettering.typesetting import advances, width_of
from tasks.core.overview.map_frame import Box

POINTS_A_MM = 72 / 25.4
TRUETYPE, DRAWN = 42, 3  # kinds of font in a PDF; PostScript outlines are embedded as the latter alone
HAIRLINE_MM = 0.1


class PdfCanvas:
    """A page.

    Raises:
        UnusableArgument: matplotlib is not installed.
    """

    def __init__(self, width_mm: float, height_mm: float) -> None:
        try:
            from matplotlib import rc_context  # noqa: PLC0415 - an extra
            from matplotlib.backends.backend_pdf import FigureCanvasPdf  # noqa: PLC0415
            from matplotlib.figure import Figure  # noqa: PLC0415
        except ImportError as error:
            raise UnusableArgument(
                "overview.pdf needs matplotlib: install flood-extent[map], or leave it out"
            ) from error
        self._settings: Any = rc_context
        self._figure: Any = Figure((width_mm / 25.4, height_mm / 25.4))
        FigureCanvasPdf(self._figure)
        self._axes: Any = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width_mm), ylim=(height_mm, 0))
        self._axes.axis("off")
        self._clip: Box | None = None
        self._font_kind = TRUETYPE

    @contextmanager
    def clipped(self, box: Box) -> Iterator[None]:
        """Nothing that is drawn meanwhile goes beyond the box."""
        self._clip = box
        yield
        self._clip = None

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = INK,
        anchor: Anchor = "left",
        upwards: bool = False,
    ) -> None:
        """Write a line, run by run."""
        from matplotlib.font_manager import FontProperties  # noqa: PLC0415 - an extra

        share = {"left": 0.0, "middle": 0.5, "right": 1.0}[anchor]
        along = -share * width_of(text, bold=bold) * size
        for run, width in zip(runs(text, bold=bold), advances(text, bold=bold), strict=True):
            x, y = (place[0], place[1] - along) if upwards else (place[0] + along, place[1])
            self._font_kind = DRAWN if run.font.path and is_postscript(run.font.path) else self._font_kind
            font = FontProperties(fname=run.font.path, size=size * POINTS_A_MM)
            look = {"color": _rgb(colour), "rotation": 90 if upwards else 0, "rotation_mode": "anchor"}
            self._axes.text(x, y, run.text, fontproperties=font, va="baseline", parse_math=False, **look)
            along += width * size

    def line(self, points: FloatArray, colour: Colour, width: float) -> None:
        """Draw a line."""
        self._path([points], closed=False, line=colour, width=width)

    def area(self, rings: Sequence[FloatArray], style: Style) -> None:
        """Paint an area; holes turn the other way than what they are in."""
        if not rings:
            return
        rings = [np.vstack([ring, ring[:1]]) for ring in rings]  # a closing point is drawn at its first one
        if style.fill is not None:
            self._path(rings, closed=True, fill=style.fill, share=style.share)
        if style.hatch is not None:
            self._path(_stripes(rings), closed=False, line=style.hatch, width=HATCH_LINE_MM / np.sqrt(2))
        if style.line is not None and style.casing is not None:
            self._path(rings, closed=True, line=style.casing, width=2.2 * style.line_mm)
        if style.line is not None:
            self._path(rings, closed=True, line=style.line, width=max(HAIRLINE_MM, style.line_mm))

    def disc(self, place: tuple[float, float], radius: float, colour: Colour) -> None:
        """Paint a disc."""
        from matplotlib.patches import Circle  # noqa: PLC0415 - an extra

        self._add(Circle(place, radius, facecolor=_rgb(colour), edgecolor="none"))

    def image(self, picture: UInt8Array, box: Box) -> None:
        """Put a picture (BGR) into a box, pixel by pixel."""
        extent = (box.left, box.right, box.bottom, box.top)
        self._axes.imshow(picture[..., ::-1], extent=extent, interpolation="none", aspect="auto", zorder=1)

    def lines(self, lines: Sequence[FloatArray], colour: Colour, width: float, share: float = 1.0) -> None:
        """Draw many lines of one look."""
        self._path(lines, closed=False, line=colour, width=width, share=share)

    def to_bytes(self, about: dict[str, Any]) -> bytes:
        """The PDF, with its metadata."""
        encoded = BytesIO()
        with self._settings({"pdf.fonttype": self._font_kind, "path.simplify": False}):
            self._figure.savefig(encoded, format="pdf", metadata=about)
        return encoded.getvalue()

    def _path(
        self,
        lines: Sequence[FloatArray],
        *,
        closed: bool,
        fill: Colour | None = None,
        share: float = 1.0,
        line: Colour | None = None,
        width: float = 0.0,
    ) -> None:
        from matplotlib.patches import PathPatch  # noqa: PLC0415 - an extra
        from matplotlib.path import Path  # noqa: PLC0415

        if not lines:
            return
        codes = [np.full(len(one), Path.LINETO, Path.code_type) for one in lines]
        for one in codes:
            one[0] = Path.MOVETO
            one[-1] = Path.CLOSEPOLY if closed else one[-1]
        path = Path(np.concatenate(lines), np.concatenate(codes))
        face, edge = (None if one is None else (*_rgb(one), share) for one in (fill, line))
        self._add(
            PathPatch(
                path,
                facecolor=face or "none",
                edgecolor=edge or "none",
                linewidth=width * POINTS_A_MM,
                joinstyle="round",
            )
        )

    def _add(self, patch: Any) -> None:
        from matplotlib.patches import Rectangle  # noqa: PLC0415 - an extra

        patch.set_zorder(2)
        self._axes.add_patch(patch)
        if self._clip is not None:
            frame = Rectangle((self._clip.left, self._clip.top), self._clip.width, self._clip.height)
            patch.set_clip_path(frame.get_path(), frame.get_patch_transform() + self._axes.transData)


def _rgb(colour: Colour) -> tuple[float, float, float]:
    blue, green, red = colour
    return red / 255, green / 255, blue / 255


def _stripes(rings: Sequence[FloatArray]) -> list[FloatArray]:
    """Slanting lines on an area."""
    area = shapely.build_area(shapely.GeometryCollection([shapely.LinearRing(ring) for ring in rings]))
    if area.is_empty:
        return []
    left, top, right, bottom = area.bounds
    starts = np.arange(np.ceil((left + top) / HATCH_STEP_MM), np.floor((right + bottom) / HATCH_STEP_MM) + 1)
    sums = starts * HATCH_STEP_MM
    ends = np.array([[(total - top, top), (total - bottom, bottom)] for total in sums]).reshape(-1, 2, 2)
    cut = shapely.get_parts(shapely.intersection(shapely.linestrings(ends), area)) if len(ends) else []
    return [shapely.get_coordinates(one) for one in cut if one.geom_type == "LineString" and not one.is_empty]
