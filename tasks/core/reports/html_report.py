"""``report.html``: the product on one page, with a map, for people who have nothing but a browser."""

from collections.abc import Iterable, Sequence

from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.reports.html import making, summary, tile_tables
from tasks.core.reports.html.document import document
from tasks.core.reports.html.elements import text
from tasks.core.reports.html.map_data import map_sets
from tasks.core.reports.html.map_panel import map_section
from tasks.core.reports.html.pictures import Imagery
from tasks.core.reports.run_json import RunRecord

REPORT = "report.html"
CONTENTS = {
    "map-section": "Map",
    "weaknesses": "What to know",
    "to-check": "Places to check",
    "tiles": "Tiles",
    "sources": "Sources",
    "warnings": "Warnings",
    "making": "How it was made",
    "files": "Files",
    "rights": "Rights",
}


def html_report(record: RunRecord, layers: Sequence[Layer], edition: Edition, imagery: Iterable[Imagery] = ()) -> bytes:
    """The page, one file that fetches nothing; the same arguments give the same bytes.

    Without scripts it is a document with plain tables. What it shows of names and errors is text, never markup, and its
    Content-Security-Policy lets it load nothing and run nothing but its own script.

    Args:
        record: Of the run; ``files`` are those that are there already.
        layers: Of the product. Outlines are thinned where a browser would be slow to draw them, and the page says so.
        edition: What the product says of itself.
        imagery: Pictures of the ground, at most one a CRS.

    Raises:
        ModuleNotFoundError: XStatic-Leaflet is not installed.
        ValueError: A picture is none.
    """
    sets = map_sets(layers, imagery)
    body = "".join([
        '<a class="skip" href="#main">To the report</a>\n<header>',
        summary.heading(record, edition),
        _contents(),
        '</header>\n<main id="main">\n',
        summary.figures(record, layers),
        tile_tables.failure_notice(record, layers),
        summary.rules(),
        map_section(sets),
        summary.weaknesses(layers, edition),
        tile_tables.place_section(layers),
        making.other_tables(layers),
        tile_tables.tile_section(record, layers),
        making.sources(edition),
        making.warnings(record),
        making.making(record, edition),
        making.files(record, edition),
        making.rights(edition),
        "</main>",
    ])  # fmt: skip
    return document(f"Flood extent: {text(edition.title)}", body, {"sets": [one.data for one in sets]})


def _contents() -> str:
    links = "".join(f'<li><a href="#{name}">{text(title)}</a></li>' for name, title in CONTENTS.items())
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n'
