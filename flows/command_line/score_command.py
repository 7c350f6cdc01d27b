"""``flood-extent score PRODUCT REFERENCE``: a product compared with polygons of the true flood."""

import argparse

from rich.markup import escape

from flows.command_line.console import make_console
from flows.command_line.terminal import show_measures, show_score
from tasks.core.scoring.scored_product import AGREEMENT, PICTURE, SUMMARY, TABLE
from tasks.services.publishing.assessing import compare, put
from tasks.services.temp_folders import temp_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two to be compared."""
    formats = (
        "polygons of the true flood, in any vector format of GDAL's (.gpkg, .shp, …); the first layer with polygons"
    )
    parser.add_argument("product", metavar="PRODUCT", help="a product's folder, or one of its files")
    parser.add_argument("reference", metavar="REFERENCE", help=formats)
    files = (
        "where layer and picture of hits, misses and false alarms go, and the measures as CSV and JSON: local or s3://"
    )
    parser.add_argument("--output", dest="output_directory", metavar="DIR", help=files)


def run(options: argparse.Namespace) -> int:
    """Compare and show."""
    console = make_console()
    found = compare(options.product, options.reference)
    show_score(console, found.assessment.score)
    show_measures(console, found.assessment)
    if options.output_directory:
        with temp_folder("agreement") as folder:
            found.write(folder)
            place = put(folder, options.output_directory)
        console.out(f"in {place}: {AGREEMENT}, {PICTURE}, {TABLE}, {SUMMARY}")
    if found.warning:
        console.print(f"[yellow]warning[/yellow]: {escape(found.warning)}", soft_wrap=True)
    return 0
