"""The command line, ``flood-extent`` or ``python -m flows``: which commands there are, and how each ends.

Exit statuses are those that ``EPILOG`` names, and 143 and 129 where SIGTERM or SIGHUP interrupts. A command's module,
``flows.command_line.NAME_command`` with ``add_arguments`` and ``run``, is imported when the command is given.
"""

import argparse
import importlib
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from flows.command_line.console import print_error, replace_missing_letters
from flows.server.interrupts import Interrupted, interruptible
from flows.server.server_faults import NO_MEMORY, ran_out_of_memory
from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.core.redaction import redact
from tasks.services.bulk_imports import bulk_imports

NO_PRODUCT = 1
UNUSABLE = 64
INTERRUPTED = 130
# Arguments, and what the command does, by name.
ANALYSTS = {
    "run": ("DATASET", "map the flooded ground of a dataset"),
    "demo": ("", "make a small flood scene, run on it, and score the result"),
    "plan": ("DATASET", "what a run would do, without doing it"),
    "tile": ("FRAME", "map one frame without Prefect, and keep all that is made of it to look at"),
    "score": ("PRODUCT REFERENCE", "compare a product with reference polygons"),
    "compare": ("A B [C …]", "what became of the flood from one product to the next: gained, lost, peak"),
    "release": ("PRODUCT --edited FILE --reason TEXT", "corrected polygons as the product's next release"),
    "clean": ("--older-than DAYS", "remove old files that runs have left in the work directory"),
}
OPERATORS = {
    "sweep": ("", "delete SageMaker endpoints whose run is over"),
    "serve": ("", "the dashboard on this machine, and the runs started from it"),
}
EPILOG = (
    "flood-extent COMMAND --help shows a command's options. Exit status: 0 all tiles done; 1 no product, or a plan "
    "that is not possible; 2 the product is written but some tiles failed; 64 unusable arguments; 130 interrupted."
)


class Parser(argparse.ArgumentParser):
    """A parser whose complaint about arguments ends with this project's exit status for that."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how it should be, in a line each."""
        self.print_usage(sys.stderr)
        print_error(f"{self.prog}: {message}. {self.prog} --help shows what there is")
        self.exit(UNUSABLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what goes wrong is said in one line, never in a traceback."""
    replace_missing_letters()
    reason: object
    try:
        with interruptible():
            options = parse(arguments)
            return int(options.do(options))
    except FloodExtentError as error:
        reason, status = error, UNUSABLE if isinstance(error, UnusableArgument) else NO_PRODUCT
    except KeyboardInterrupt as error:
        reason = "interrupted: what was computed is kept, the same command goes on from there"
        status = error.status if isinstance(error, Interrupted) else INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a traceback is for whoever mends the program, not for who runs it
        status, reason = NO_PRODUCT, f"no product: {NO_MEMORY}"
        if not ran_out_of_memory(error):
            reason = f"a fault of the program: {error!r}. Report it, with the file {_trace_file()}"
    print_error(f"flood-extent: {reason}")
    return status


def _trace_file() -> str:
    """The current exception's traceback, in a file that stays."""
    with tempfile.NamedTemporaryFile("w", prefix="flood-extent-", suffix=".trace", delete=False) as file:
        file.write(str(redact(traceback.format_exc())))
    return file.name


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command that is given, and as ``do`` what runs it."""
    groups = {"commands for analysts": ANALYSTS, "commands for operators": OPERATORS}
    listed = [
        "\n".join([f"{title}:", *(f"  {name:9}{about}" for name, (_, about) in commands.items())])
        for title, commands in groups.items()
    ]
    overview = Parser(
        prog="flood-extent",
        usage="flood-extent COMMAND [OPTIONS]",
        description="\n\n".join(["Flood extent from aerial NRG frames.", *listed]),
        epilog=textwrap.fill(EPILOG, 80),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = ANALYSTS | OPERATORS
    overview.add_argument("command", nargs=argparse.PARSER, choices=known, metavar="COMMAND", help=argparse.SUPPRESS)
    name, *rest = overview.parse_args(arguments).command
    operands, about = known[name]
    prog = f"flood-extent {name}"
    usage = " ".join([prog, *operands.split(), "[OPTIONS]"])
    parser = Parser(prog=prog, usage=usage, description=f"{about[0].upper()}{about[1:]}.")
    with bulk_imports():
        command: Any = importlib.import_module(f"flows.command_line.{name}_command")
    command.add_arguments(parser)
    return parser.parse_args(rest, argparse.Namespace(do=command.run))
