"""``flood-extent compare A B``: what became of a flood from product to product."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from flows.command_line.console import make_console
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.scoring.change import FIRST_ALONE, GAINED, KEPT, LOST, SECOND_ALONE
from tasks.core.scoring.change_files import write_change
from tasks.core.scoring.series import Series, compare_series, write_series
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
NOT_KNOWN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The products to be compared."""
    parser.add_argument("first", metavar="A", help="the earliest product's folder, or one of its files: local or s3://")
    parser.add_argument("later", metavar="B", nargs="+", help="the next one's; further ones make a monitoring series")
    files = "where layers (change, peak), pictures and summaries go: local or s3://"
    parser.add_argument("--output", dest="output_directory", metavar="DIR", help=files)


def run(options: argparse.Namespace) -> int:
    """Compare and show."""
    console = make_console()
    places = [storage.resolve(place) for place in (options.first, *options.later)]
    with ExitStack() as stack:
        found = compare_series([stack.enter_context(product_at_hand(place)) for place in places], places)
    _show_two(console, found) if len(found.steps) == 1 else _show_series(console, found)
    if options.output_directory:
        with temp_folder("change") as folder:
            files = _write(found, folder)
            place = put(folder, options.output_directory)
        console.out(f"in {place}: {', '.join(files)}")
    return 0


def _write(found: Series, folder: Path) -> list[str]:
    return write_change(found.steps[0], folder) if len(found.steps) == 1 else write_series(found, folder)


def _show_two(console: Console, found: Series) -> None:
    areas = found.steps[0].square_metres()
    width = max(map(len, SHOWN.values()))
    for name, text in SHOWN.items():
        console.out(f"{text:<{width}}  {areas[name] / M2_PER_HECTARE:>12,.2f} ha")


def _show_series(console: Console, found: Series) -> None:
    width = max(map(len, found.names))
    console.out(f"{'':<{width}}  {'captured':<24}  {'flooded ha':>12}  {'gained ha':>12}  {'lost ha':>12}")
    for row in found.rows():
        cells = "  ".join(f"{_hectares(row[f'{name}_m2']):>12}" for name in ("flooded", GAINED, LOST))
        console.out(f"{row['product']:<{width}}  {row['captured'] or NOT_KNOWN:<24}  {cells}")
    console.out(f"{'peak':<{width}}  {'':<24}  {_hectares(found.peak_m2()):>12}")


def _hectares(area_m2: float | None) -> str:
    return NOT_KNOWN if area_m2 is None else f"{area_m2 / M2_PER_HECTARE:,.2f}"
