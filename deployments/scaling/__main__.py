"""Writes ``docs/scaling.md``, or prints it for other prices: ``python -m deployments.scaling [--prices FILE]``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deployments.scaling.figures import PRICES, UNIT_COSTS, WAYS, Prices, UnitCosts, read_figures, read_ways
from deployments.scaling.page import page
from tasks.core.errors import UnusableArgument

DOCUMENT = Path(__file__).parents[2] / "docs" / "scaling.md"
UNUSABLE = 64


def document(costs: Path = UNIT_COSTS, prices: Path = PRICES, ways: Path = WAYS) -> str:
    """The page for these files.

    Raises:
        UnusableArgument: One of them is not as it should be.
    """
    unit_costs, shown = read_figures(costs, UnitCosts)
    paid, more = read_figures(prices, Prices)
    return page(unit_costs, paid, [*shown, *more], read_ways(ways))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the document; for files of somebody's own, print it; 64 where one of them is not usable."""
    parser = argparse.ArgumentParser(prog="python -m deployments.scaling", description=__doc__)
    parser.add_argument("--prices", type=Path, default=PRICES, metavar="FILE", help="your prices, as TOML")
    parser.add_argument("--costs", type=Path, default=UNIT_COSTS, metavar="FILE", help="your unit costs, as TOML")
    parser.add_argument("--ways", type=Path, default=WAYS, metavar="FILE", help="your sizes, and how each is run")
    given = parser.parse_args(arguments)
    try:
        text = document(given.costs, given.prices, given.ways)
    except UnusableArgument as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    if (given.costs, given.prices, given.ways) == (UNIT_COSTS, PRICES, WAYS):
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
