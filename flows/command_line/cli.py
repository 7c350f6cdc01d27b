"""The command line, ``flood-extent`` or ``python -m flows``.

Exit status: 0 all tiles done; 1 no product, or a plan that is not possible; 2 the product is written but some tiles
failed; 64 unusable arguments; 130 interrupted by Ctrl-C, 143 and 129 by SIGTERM and SIGHUP. Whatever takes seconds to
import is imported by the command that needs it.
"""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from flows.command_line.console import print_error, replace_missing_letters
from flows.command_line.memory import OutOfMemory, ran_out_of_memory
from flows.command_line.options import add_options
from flows.parameters import RunParameters
from flows.server.at_hand import SERVE_PORT
from flows.server.interrupts import Interrupted, interruptible
from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.core.redaction import redact

NO_PRODUCT = 1
UNUSABLE = 64
INTERRUPTED = 130
NOT_FOR_DEMO = frozenset({"dataset", "training_job", "dry_run", "review", "review_hours", "only_failed_of"})
NOT_FOR_PLAN = frozenset({"dataset", "dry_run", "review", "review_hours"})
FOR_TILE = ("output_directory", "width", "model", "flood_labels", "min_contour_size", "crs", "max_tile_megapixels")
NOT_FOR_TILE = frozenset(RunParameters.model_fields) - frozenset(FOR_TILE)

ABOUT = "Flood extent from aerial NRG frames."
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


class Command(Parser):
    """A command's parser, which complains itself about what it does not know: it alone has help on that."""

    def parse_known_args(self, *given: Any, **named: Any) -> tuple[Any, list[str]]:
        """Parse; nothing unknown is left to the caller."""
        found, unknown = super().parse_known_args(*given, **named)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what goes wrong is said in one line, never in a traceback."""
    replace_missing_letters()
    options = build_parser().parse_args(arguments)
    try:
        from flows.command_line import commands  # noqa: PLC0415

        with interruptible():
            return int(getattr(commands, options.command)(options))
    except UnusableArgument as error:
        return _complain(error, UNUSABLE)
    except FloodExtentError as error:
        return _complain(error, NO_PRODUCT)
    except KeyboardInterrupt as error:
        status = error.status if isinstance(error, Interrupted) else INTERRUPTED
        return _complain("interrupted: what was computed is kept, the same command goes on from there", status)
    except Exception as error:  # noqa: BLE001 - a traceback is for whoever mends the program, not for who runs it
        if ran_out_of_memory(error):
            return _complain(OutOfMemory(), NO_PRODUCT)
        return _complain(f"a fault of the program: {error!r}. Report it, with the file {_trace_file()}", NO_PRODUCT)


def _trace_file() -> str:
    """The current exception's traceback, in a file that stays."""
    with tempfile.NamedTemporaryFile("w", prefix="flood-extent-", suffix=".trace", delete=False) as file:
        file.write(str(redact(traceback.format_exc())))
    return file.name


def _complain(reason: object, status: int) -> int:
    print_error(f"flood-extent: {reason}")
    return status


def build_parser() -> Parser:
    """All commands with their options."""
    parser = Parser(prog="flood-extent", usage="flood-extent COMMAND [OPTIONS]", description=ABOUT, epilog=EPILOG)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Command, prog=parser.prog
    )

    def add(name: str, arguments: str, words: str) -> Command:
        usage = " ".join(["flood-extent", name, *arguments.split(), "[OPTIONS]"])
        return commands.add_parser(name, usage=usage, help=words, description=f"{words[0].upper()}{words[1:]}.")

    _add_run(add("run", "DATASET", "map the flooded ground of a dataset"))
    _add_demo(add("demo", "", "make a small flood scene, run on it, and score the result"))
    _add_run(add("plan", "DATASET", "what a run would do, without doing it"), leave_out=NOT_FOR_PLAN)
    _add_tile(add("tile", "FRAME", "map one frame without Prefect, and keep all that is made of it to look at"))
    _add_score(add("score", "PRODUCT REFERENCE", "compare a product with reference polygons"))
    _add_serve(add("serve", "", "the dashboard on this machine, and the runs started from it"))
    _add_sweep(add("sweep", "", "delete SageMaker endpoints whose run is over"))
    _add_clean(add("clean", "--older-than DAYS", "remove old files that runs have left in the work directory"))
    return parser


def _add_run(parser: argparse.ArgumentParser, leave_out: frozenset[str] = frozenset({"dataset"})) -> None:
    words = "s3://bucket/prefix, a folder, or a .txt file with one image URI a line"
    parser.add_argument("dataset", metavar="DATASET", help=words)
    add_options(parser, leave_out=leave_out)


def _add_tile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="FRAME", help="a JPEG2000 frame: a local file or an s3:// URI")
    add_options(parser, leave_out=NOT_FOR_TILE)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="another seed, another scene")
    add_options(parser, leave_out=NOT_FOR_DEMO)


def _add_score(parser: argparse.ArgumentParser) -> None:
    words = "polygons of the true flood, in any vector format of GDAL's (.gpkg, .shp, …); the first layer with polygons"
    parser.add_argument("product", metavar="PRODUCT", help="a product's folder, or one of its files")
    parser.add_argument("reference", metavar="REFERENCE", help=words)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "A Prefect server with its dashboard on loopback, a worker, the deployments and automations, until Ctrl-C. "
        "It has a password, which PREFECT_HOME/flood-extent-serve keeps for you alone: a link that is printed logs a "
        "browser in, and two variables that are printed let Prefect's commands in another terminal use it. Runs and "
        "events older than 30 days go from its database."
    )
    parser.add_argument("--port", type=int, default=SERVE_PORT, help=f"on loopback (default: {SERVE_PORT})")
    parser.add_argument("--aws-block", metavar="NAME", help="prefect-aws AwsCredentials block to sweep with")
    words = "postgresql://USER@HOST:PORT/DATABASE, for many tiles or several people (default: SQLite in PREFECT_HOME)"
    parser.add_argument("--database", metavar="URL", help=words)
    words = 'who is told of failures and reviews: a URL that takes a POST of {"text": ...} (default: this terminal)'
    parser.add_argument("--notify", metavar="URL", help=words)


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
    words = "age from which an endpoint goes that carries no cap of its own (default: 240)"
    parser.add_argument("--max-endpoint-minutes", metavar="MINUTES", type=float, default=240.0, help=words)
    parser.add_argument("--aws-block", metavar="NAME", help="prefect-aws AwsCredentials block to use")


def _add_clean(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Remove from a work directory the files that runs have left there and nobody has changed for so many days: "
        "cached answers of tiles (cache/), results of tasks (results/), intermediate images and failed products "
        "(scratch/), records of runs (runs/), and what runs have found before a review (reviews/). Tiles without a "
        "cached answer are computed again, on SageMaker paid again; a run without its record is completed by its "
        "product's folder alone. Products and logs stay."
    )
    parser.add_argument("--older-than", metavar="DAYS", type=float, required=True, dest="days", help="age to go from")
    parser.add_argument("--work-directory", default="work", help="local folder or s3:// prefix (default: work)")


if __name__ == "__main__":
    sys.exit(main())
