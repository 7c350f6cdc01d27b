"""What a run's page in the dashboard says: the map, a row a tile, the report, where the product is, how far it is.

The dashboard shows pictures at most some 700 px wide and never breaks the lines of a table's cells. One of its two
looks takes a cell for markdown, the other for plain text.
"""

import base64
import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from tasks.core.formats.product_files import FORMATS, tile_files
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.product.to_check import ToCheck
from tasks.core.rasters import rasters
from tasks.core.reports import places_text
from tasks.core.reports.report_markdown import one_line, plain
from tasks.core.reports.run_json import TileRow
from tasks.core.tiles.ledger import DROPPED

SLUG_CHARACTERS, MARK_CHARACTERS = 60, 6
PICTURE_BYTES = 400_000
# Text in a picture stays readable at the worst of these; smaller it does not.
QUALITIES = (90, 80, 70)
SHRINK, SHRINKINGS = 0.85, 24
TABLE_ROWS = 2_000
CELL_CHARACTERS = 200
LINKS = 20
REPORT_ROWS, REPORT_CHARACTERS = 50, 60_000
# Looks like HTML and is none.
ANGLES = str.maketrans({"<": "\u2039", ">": "\u203a"})
FIRST_STATES = ("failed", DROPPED)
CONSOLE = "https://console.aws.amazon.com/s3"
LEGEND = (
    "Blue within a yellow line: **flood**. Darker blue, where it is told apart: normal water. Violet hatching: **not "
    "assessed**; there, no flood on the map means nothing. Grey ground was not looked at. Green and numbered: **places "
    "to check** first. To see more, open the image in a new tab, or `overview.png` of the product."
)
FILES = {
    "flood_extent.qgs": "the same as a QGIS project, to double-click",
    "overview.png": "the sheet for a briefing",
    "overview.pdf": "the same for print",
    "report.html": "the report with a map, for a browser",
    "report.md": "the report, for people",
    "run.json": "the same for programs, with every tile and the hashes of all files",
}


def slug(name: str) -> str:
    """A dataset's name as keys of artifacts may hold it: 1 to 60 lowercase letters, digits and dashes.

    Names that differ in more than ``_`` and ``-`` have different ones: what had to be changed carries a piece of hash.
    """
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    if words and words == name.replace("_", "-") and len(words) <= SLUG_CHARACTERS:
        return words
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:MARK_CHARACTERS]
    return f"{words[: SLUG_CHARACTERS - MARK_CHARACTERS - 1].rstrip('-')}-{mark}".strip("-")


def overview_page(dataset_name: str, png: bytes) -> str:
    """The map as markdown that carries the picture in itself.

    Raises:
        ValueError: It is no picture.
    """
    return f"![Map of {plain(dataset_name)}]({picture_uri(png)})\n\n{LEGEND}\n"


def picture_uri(png: bytes, limit_bytes: int = PICTURE_BYTES) -> str:
    """A picture as ``data:`` URI: as it is where that is short enough, else as the best JPEG that is.

    Raises:
        ValueError: It is no picture, or one that does not get small enough.
    """
    # OpenCV raises where there is nothing to decode.
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    if picture is None:
        raise ValueError(f"{len(png)} bytes that are no picture")
    uri = _data_uri("png", png)
    for _ in range(SHRINKINGS):
        for quality in QUALITIES:
            if len(uri) <= limit_bytes:
                return uri
            uri = _data_uri("jpeg", _jpeg(picture, quality))
        picture = cv2.resize(picture, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA)
    raise ValueError(f"a picture that does not fit into {limit_bytes:,} bytes")


def _jpeg(picture: Any, quality: int) -> bytes:
    # Colour in full resolution: the extent's outline is a coloured line, one pixel wide.
    full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *full])[1].tobytes())


def _data_uri(kind: str, encoded: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def tile_table(rows: Sequence[TileRow], page_of: Callable[[str | None], str] = lambda _: "") -> list[dict[str, Any]]:
    """A row a tile, failed ones first, then dropped ones; keys are the heads of the columns.

    What a person looks for stands on the left, as the right of a table with long errors is out of sight. ``page_of``
    gives the address of a task run's page.
    """
    ranks = {state: rank for rank, state in enumerate(FIRST_STATES)}
    ordered = sorted(rows, key=lambda row: ranks.get(row["state"], len(ranks)))
    return [_cells(row, page_of(row["task_run"])) for row in ordered[:TABLE_ROWS]]


def _cells(row: TileRow, page: str) -> dict[str, Any]:
    done = row["state"] == "done"
    return {
        "tile": cell(row["tile"]),
        "state": row["state"],
        "failed in": row["stage"] if row["state"] == "failed" else "",
        # No answer is not "no flood": no figure.
        "flooded ha": _hectares(row["flood_m2"]) if done else None,
        "error": cell(_without_place(row["error"] or "", row["tile"])),
        "seconds": _rounded(row["seconds"], 1),
        "padding removed px": row["pad_px"] if done else None,
        "remembered": ", ".join(row["cached"]),
        "task run": page,
    }


def places_table(places: ToCheck) -> list[dict[str, Any]]:
    """A row for each of the first places to check."""
    return [{head: cell(str(value)) for head, value in row.items()} for row in places_text.rows(places)]


def _without_place(error: str, tile: str) -> str:
    """An error without the image's address in front of it: the tile stands in the same row."""
    place, found, rest = error.partition(f"{tile}: ")
    return rest if found and not re.search(r"\s", place) else error


def _hectares(area_m2: float | None) -> float | None:
    return None if area_m2 is None else _rounded(area_m2 / M2_PER_HECTARE, 2)


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def cell(text: str) -> str:
    """Text of one line that is neither HTML nor a link where a cell is markdown, and looks the same where it is not."""
    return one_line(text, CELL_CHARACTERS).translate(ANGLES).replace("](", "] (")


def tiles_text(
    dataset_name: str, rows: Sequence[TileRow], hint: str = "", page_of: Callable[[str | None], str] = lambda _: ""
) -> str:
    """What the table of tiles is about: how many are in which state, which failed, and how many are not in it."""
    counts = Counter(row["state"] for row in rows)
    states = [f"{counts[state]:,} {state}" for state in ("done", *FIRST_STATES) if counts[state] or state != DROPPED]
    parts = [f"{', '.join(states)}. A row a tile of {plain(dataset_name)}, failed ones first."]
    if len(rows) > TABLE_ROWS:
        parts.append(f"{len(rows) - TABLE_ROWS:,} of {len(rows):,} tiles are not shown: run.json has all.")
    return " ".join([*parts, *([plain(hint)] if hint else []), *_failed_links(rows, page_of)])


def _failed_links(rows: Sequence[TileRow], page_of: Callable[[str | None], str]) -> Iterator[str]:
    """The failed tiles, each a link to its task run: in the graph of a large run none can be told apart."""
    failed = [row for row in rows if row["state"] == "failed"]
    links = (f"[{plain(row['tile'])}]({page})" for row in failed if (page := page_of(row["task_run"])))
    shown = list(islice(links, LINKS))
    if shown:
        more = f" and {len(failed) - len(shown):,} more" if len(failed) > len(shown) else ""
        yield f"Failed: {', '.join(shown)}{more}."


def report_page(markdown: str, rows: int = REPORT_ROWS, characters: int = REPORT_CHARACTERS) -> str:
    """``report.md`` with long tables and lists cut to some rows, and all of it where it is still too long."""
    groups = groupby(markdown.splitlines(), key=lambda line: line[:1] if line[:1] in {"|", "-"} else "")
    lines = [line for kind, group in groups for line in _shortened(kind, list(group), rows)]
    page = "\n".join(lines) + "\n"
    if len(page) <= characters:
        return page
    return f"{page[:characters].rpartition(chr(10))[0]}\n\n**It goes on: `report.md` of the product has the whole.**\n"


def _shortened(kind: str, lines: list[str], rows: int) -> list[str]:
    keep = rows + 2 if kind == "|" else rows  # a table has two lines of head
    if not kind or len(lines) <= keep:
        return lines
    return [*lines[:keep], "", f"*{len(lines) - keep:,} more: `report.md` of the product has all.*"]


def product_link(product_uri: str) -> str:
    """Where a browser finds a product: its prefix in the S3 console, or its report as a file."""
    uri = product_uri.rstrip("/")
    if not uri.startswith("s3://"):
        return f"file://{quote(uri)}/report.html"
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return _console("buckets", bucket, f"{prefix}/")


def product_page(product_uri: str, files: Sequence[str]) -> str:
    """Where the product is, to open and to copy, and what its main files are.

    Args:
        product_uri: Of its folder: a local path or ``s3://bucket/prefix``.
        files: Paths below it.
    """
    uri = "".join(one if one.isprintable() else "?" for one in product_uri).rstrip("/")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    in_s3 = uri.startswith("s3://")
    lines = [f"[Open in the S3 console]({_console('buckets', bucket, f'{prefix}/')})", ""] if in_s3 else []
    lines += [f"    {uri}", ""]
    for name, about in _main_files(files):
        page = "buckets" if name.endswith("/") else "object"
        shown = f"[{plain(name)}]({_console(page, bucket, f'{prefix}/{name}')})" if in_s3 else f"**{plain(name)}**"
        lines.append(f"- {shown}: {plain(about)}")
    lines += [f"- **tiles/**: the extent of each tile, {count:,} {plural}" for count, plural in tile_files(files)]
    return "\n".join(lines) + "\n"


def _console(page: str, bucket: str, prefix: str) -> str:
    return f"{CONSOLE}/{page}/{quote(bucket)}?prefix={quote(prefix.lstrip('/'))}"


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and description, the most wanted first."""
    for format_ in FORMATS.values():
        yield from format_.main_files(files)
    yield from rasters.main_files(files)
    yield from ((name, about) for name, about in FILES.items() if name in files)
    yield from ((name, "all of it, to pass on") for name in files if name.endswith(".zip") and "/" not in name)


def progress_text(stage: str, ended: int, failed: int, total: int) -> str:
    """How far a stage is, as ``predict: 312 of 1,000 tiles, 3 failed``."""
    return f"{stage}: {ended:,} of {total:,} tiles" + (f", {failed:,} failed" if failed else "")


def percent(ended: int, total: int) -> float:
    """How far a stage is, from 0 to 100, to a tenth; 100 only when all have ended."""
    return math.floor(1_000 * ended / total) / 10 if total else 100.0
