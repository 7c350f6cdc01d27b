"""``flood-extent score PRODUCT REFERENCE``: a product compared with polygons of the true flood."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from flows.command_line.console import make_console
from flows.command_line.terminal import show_measures, show_score
from tasks.core.errors import ObjectMissing, UnusableArgument
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.scoring.assessment import AGREEMENT, PICTURE, SUMMARY, TABLE, write_assessment
from tasks.core.scoring.score_files import assess, other_date
from tasks.services import storage
from tasks.services.temp_folders import temp_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two to be compared."""
    formats = (
        "polygons of the true flood, in any vector format of GDAL's (.gpkg, .shp, …); the first layer with polygons"
    )
    parser.add_argument("product", metavar="PRODUCT", help="a product's folder, or one of its files")
    parser.add_argument("reference", metavar="REFERENCE", help=formats)
    files = "local folder for the layer of hits, misses and false alarms, its picture, and the measures as CSV and JSON"
    parser.add_argument("--output", dest="output_directory", metavar="DIR", help=files)


def run(options: argparse.Namespace) -> int:
    """Compare and show."""
    console = make_console()
    if options.output_directory and storage.is_s3(options.output_directory):
        raise UnusableArgument(f"--output {options.output_directory}: give a local folder")
    with at_hand(options.product) as product, reference_at_hand(options.reference) as reference:
        assessment = assess(product, reference)
        show_score(console, assessment.score)
        show_measures(console, assessment)
        if options.output_directory:
            folder = Path(options.output_directory).expanduser()
            write_assessment(assessment, folder, f"{storage.name(str(options.product))} against its reference")
            console.out(f"in {folder}: {AGREEMENT}, {PICTURE}, {TABLE}, {SUMMARY}")
        if warning := other_date(product, reference):
            console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    return 0


@contextmanager
def at_hand(product: str) -> Iterator[Path]:
    """A product as local files; of one in S3 the GeoPackage, which is all that scoring needs."""
    if not storage.is_s3(product):
        yield Path(product).expanduser()
        return
    place = storage.parent(product) if storage.exists(product) else product
    with temp_folder("score") as folder:
        package = folder / storage.name(place) / GEOPACKAGE
        try:
            storage.fetch(storage.join(place, GEOPACKAGE), package)
        except ObjectMissing as error:
            raise UnusableArgument(
                f"{product}: is no product of ours, for it has no {GEOPACKAGE}. Give the prefix that a run has written"
            ) from error
        yield package


@contextmanager
def reference_at_hand(reference: str) -> Iterator[Path]:
    """A vector file as a local one; of one in S3, with what belongs to it, such as the other parts of a shapefile."""
    if not storage.is_s3(reference):
        yield Path(reference).expanduser()
        return
    parts = [one.uri for one in storage.siblings(reference) if Path(one.uri).stem == Path(reference).stem]
    if reference not in parts:
        raise UnusableArgument(f"{reference}: does not exist. Check the name")
    with temp_folder("score") as folder:
        place = folder / storage.name(storage.parent(reference))
        for uri in parts:
            storage.fetch(uri, place / storage.name(uri))
        yield place / storage.name(reference)
