"""``flood-extent compare A B``: what became of a flood between two products."""

import argparse

from flows.command_line.console import make_console
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.scoring.change import FIRST_ALONE, GAINED, KEPT, LOST, SECOND_ALONE
from tasks.core.scoring.change_files import compare_products, write_change
from tasks.services import storage
from tasks.services.publishing.assessing import product_at_hand, put
from tasks.services.temp_folders import temp_folder

SHOWN = {
    "first": "flooded in the first",
    "second": "flooded in the second",
    KEPT: "in both",
    GAINED: "gained",
    LOST: "lost",
    FIRST_ALONE: "of the first, not seen by the second",
    SECOND_ALONE: "of the second, not seen by the first",
    "peak": "in either (peak)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two to be compared."""
    parser.add_argument("first", metavar="A", help="the earlier product's folder, or one of its files: local or s3://")
    parser.add_argument("second", metavar="B", help="the later one's")
    files = "where layers (change, peak), picture and summary go: local or s3://"
    parser.add_argument("--output", dest="output_directory", metavar="DIR", help=files)


def run(options: argparse.Namespace) -> int:
    """Compare and show."""
    console = make_console()
    places = (storage.resolve(options.first), storage.resolve(options.second))
    with product_at_hand(places[0]) as first, product_at_hand(places[1]) as second:
        found = compare_products(first, second, places)
    areas = found.square_metres()
    width = max(map(len, SHOWN.values()))
    for name, text in SHOWN.items():
        console.out(f"{text:<{width}}  {areas[name] / M2_PER_HECTARE:>12,.2f} ha")
    if options.output_directory:
        with temp_folder("change") as folder:
            files = write_change(found, folder)
            place = put(folder, options.output_directory)
        console.out(f"in {place}: {', '.join(files)}")
    return 0
