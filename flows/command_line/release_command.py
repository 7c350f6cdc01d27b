"""``flood-extent release PRODUCT --edited FILE --reason TEXT``: corrected polygons as the next release."""

import argparse
import os

from rich.markup import escape

from flows.command_line.console import make_console
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.services.publishing.releasing import release

SHOWN = {"kept": "as it was", "gained": "gained", "lost": "lost"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The product, what was corrected, and why."""
    parser.add_argument("product", metavar="PRODUCT", help="the product's folder, or one of its files: local or s3://")
    edited = "corrected polygons in the product's CRS: a GeoPackage, shapefile or another vector file, local or s3://"
    parser.add_argument("--edited", required=True, metavar="FILE", help=edited)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="what was corrected; it stands in the product")
    place = "folder or prefix in which the release goes, under the product's name; else beside it, NAME_release_2"
    parser.add_argument("--output", dest="output_directory", metavar="DIR", help=place)


def run(options: argparse.Namespace) -> int:
    """Make the release, and show what changed."""
    console = make_console()
    kept: list[str] = []
    made = release(options.product, options.edited, options.reason, options.output_directory, kept.append)
    for name, text in SHOWN.items():
        areas = [
            float(layer.columns["area_m2"][layer.columns["class"] == name].sum())
            for layer in made.layers
            if layer.base == "change"
        ]
        console.out(f"{text:<10}{sum(areas) / M2_PER_HECTARE:>12,.2f} ha")
    for warning in (*made.warnings, *kept):
        console.print(f"[yellow]warning[/yellow]: {escape(warning)}", soft_wrap=True)
    edition = made.record["edition"] or {}
    console.out(f"release {edition['release']}: {made.uri}")
    if os.environ.get("PREFECT_API_URL"):  # automations wait for it there
        from tasks.runtime.published_event import emit_published  # noqa: PLC0415 - Prefect takes seconds to import

        emit_published(made.record, made.uri)
    return 0
