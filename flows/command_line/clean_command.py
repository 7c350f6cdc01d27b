"""``flood-extent clean --older-than DAYS``: old files that runs have left in a work directory are removed."""

import argparse

from flows.command_line.console import make_console
from tasks.core.errors import UnusableArgument
from tasks.services.work_directory import pruning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files of which directory."""
    parser.description = (
        "Remove from a work directory the files that runs have left there and nobody has changed for so many days: "
        "cached answers of tiles (cache/), results of tasks (results/), intermediate images and failed products "
        "(scratch/), records of runs (runs/), and what runs have found before a review (reviews/). Tiles without a "
        "cached answer are computed again, on SageMaker paid again; a run without its record is completed by its "
        "product's folder alone. Products and logs stay."
    )
    parser.add_argument("--older-than", metavar="DAYS", type=float, required=True, dest="days", help="age to go from")
    parser.add_argument("--work-directory", default="work", help="local folder or s3:// prefix (default: work)")


def run(options: argparse.Namespace) -> int:
    """Remove them, and say how many of what."""
    if not options.days >= 0:  # nan too
        raise UnusableArgument(f"--older-than: give a number of days from 0 on, not {options.days:g}")
    pruning.check_work_directory(options.work_directory)
    console, removed = make_console(), pruning.prune(options.work_directory, options.days)
    for part, files in removed.items():
        if files:
            console.print(f"{part}/: {files:,} files removed ({pruning.CONTENTS[part]})")
    total, place = sum(removed.values()), options.work_directory
    console.out(f"{total:,} files older than {options.days:g} days removed from {place}")
    return 0
