"""What the page of a scoring run in the dashboard says: figures, the picture of the agreement, a row a tile."""

import math
from collections.abc import Iterator
from typing import Any

from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.reports.report_markdown import plain, table
from tasks.core.reports.run_page import TABLE_ROWS, cell, picture_uri
from tasks.core.scoring.scored_product import AGREEMENT, PICTURE, SUMMARY, TABLE, Assessment
from tasks.core.scoring.scoring import Score

ALL = "all"
SHARES = {"IoU": "iou", "F1": "f1", "precision": "precision", "recall": "recall"}
ERRORS = {"false alarm ratio": "far", "bias": "bias"}
AREAS = {"hit ha": "hit_m2", "miss ha": "miss_m2", "false alarm ha": "false_alarm_m2"}


def essentials(score: Score) -> str:
    """The four measures in a line."""
    return ", ".join(f"{name} {score.to_dict()[key]:.4f}" for name, key in SHARES.items())


def score_page(name: str, assessment: Assessment, png: bytes, place: str | None, warning: str | None) -> str:
    """The figures and the picture as markdown that carries the picture in itself.

    Args:
        name: Of the product.
        assessment: How it compares with its reference.
        png: The picture.
        place: Where the files are; None where none were wanted.
        warning: On the dates of frames and reference; None where there is none.

    Raises:
        ValueError: It is no picture.
    """
    files = ", ".join(f"`{file}`" for file in (AGREEMENT, PICTURE, TABLE, SUMMARY))
    sections = [
        *([f"**Warning**: {plain(warning)}."] if warning else []),
        "\n".join(table(("measure", ""), _figures(assessment))),
        f"![Agreement of {plain(name)} with its reference]({picture_uri(png)})",
        *([f"In {plain(place)}: {files}."] if place else []),
    ]
    return "\n\n".join(sections) + "\n"


def _figures(assessment: Assessment) -> Iterator[tuple[str, str]]:
    score, outlines = assessment.score, assessment.displacement
    values = score.to_dict()
    yield from ((label, f"{values[key]:.4f}") for label, key in (SHARES | ERRORS).items())
    yield from ((label.removesuffix(" ha"), f"{values[key] / M2_PER_HECTARE:,.2f} ha") for label, key in AREAS.items())
    if outlines is not None:
        yield "outlines apart", f"median {outlines.median:,.2f} m, 95 % within {outlines.p95:,.2f} m"
    if score.reference_outside_m2:
        outside = f"{score.reference_outside_share:.1%}, {score.reference_outside_m2 / M2_PER_HECTARE:,.2f} ha"
        yield "reference outside the observed area, not scored", outside


def score_table(assessment: Assessment) -> list[dict[str, Any]]:
    """A row for all, then one a tile, those that agree least first; keys are the heads of the columns."""
    worst = sorted(assessment.tiles.items(), key=lambda one: one[1].iou)
    return [_cells(ALL, assessment.score), *(_cells(tile, score) for tile, score in worst[: TABLE_ROWS - 1])]


def table_text(name: str, assessment: Assessment) -> str:
    """What the table is about, and how many tiles are not in it."""
    text = f"{plain(name)} against its reference, over all and by tile, those that agree least first."
    hidden = len(assessment.tiles) - (TABLE_ROWS - 1)
    return f"{text} {hidden:,} of {len(assessment.tiles):,} tiles are not shown." if hidden > 0 else text


def _cells(tile: str, score: Score) -> dict[str, Any]:
    values = score.to_dict()
    measures = {label: values[key] for label, key in (SHARES | ERRORS).items()}
    areas = {label: round(values[key] / M2_PER_HECTARE, 2) for label, key in AREAS.items()}
    # JSON has no infinity, which the bias is where nothing was to be mapped.
    finite = {label: round(value, 4) if math.isfinite(value) else None for label, value in measures.items()}
    return {"tile": cell(tile), **finite, **areas}
