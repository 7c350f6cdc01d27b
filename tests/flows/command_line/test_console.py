"""Output to a terminal: safe to read, and never the end of a run."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from rich.table import Table

from flows.command_line.cli import main
from flows.command_line.console import SafeConsole, make_console, print_error
from flows.command_line.terminal import show_failures

ROOT = Path(__file__).parents[3]
NAME = "a\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}b\nfailed c.jp2"
PROGRAM = """
import sys
from flows.command_line.console import make_console, print_error
console = make_console()
for number in range(3):
    console.print("Überflutung 洪水", number)
    print_error("Überflutung 洪水")
sys.exit(7)
"""


def run(
    stdout: int | IO[bytes], encoding: str = "utf-8", stderr: int | IO[bytes] = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, stdout=stdout, stderr=stderr, cwd=ROOT, env=environment, check=False)


def test_a_reader_that_has_gone_ends_nothing() -> None:
    """After `| head` has what it wants, the program goes on, to its own status, without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run(writing)
    os.close(writing)
    assert done.returncode == 7
    assert b"rror" not in done.stderr


def test_a_full_disk_behind_the_output_ends_nothing() -> None:
    """What cannot be written is not worth a run."""
    with Path("/dev/full").open("wb") as full:
        done = run(full)
    assert done.returncode == 7
    assert b"rror" not in done.stderr


def test_errors_that_nobody_can_read_end_nothing() -> None:
    """Standard error may be full, too: what is printed goes on, and the status is the program's own."""
    with Path("/dev/full").open("wb") as full:
        done = run(subprocess.PIPE, stderr=full)
    assert done.returncode == 7
    assert done.stdout.count(b"\n") == 3


def test_letters_that_the_terminal_lacks_are_replaced() -> None:
    """An ASCII terminal shows the rest of the line."""
    done = run(subprocess.PIPE, "ascii")
    assert done.returncode == 7
    assert b"?berflutung ?? 0" in done.stdout


def test_all_that_is_printed_is_made_safe(capsys: pytest.CaptureFixture[str]) -> None:
    """In lines, tables and errors alike names bring no escape sequence, and addresses no credentials."""
    console, table = make_console(), Table()
    table.add_column("product \x1b[1m")
    table.add_row(NAME, "s3://AKIA:geheim@bucket/x")
    console.print(table)
    console.print(f"product \x1b]0;x\x07 https://me:geheim@host/{NAME}", markup=False)
    print_error(f"{NAME} https://me:geheim@host")
    shown = "".join(capsys.readouterr())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert "geheim" not in shown


def test_a_name_cannot_look_like_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a tile's id, or in the words on it, makes no line that looks like another tile's."""
    show_failures(SafeConsole(width=200), [(NAME, "words\nfailed d.jp2: no")])
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "s3://AKIA:ge/heim@bucket/x"], "credentials"),
        (["--output", "https://me:ge/heim@host/x"], "neither a local path"),
        (["--width", "ge/heim", "--crs", "https://me:ge/heim@host"], "--width"),
        (["--log-file-prefix", "../x"], "without slashes"),
        (["--log-file-prefix", "a\x1b[2J"], "without slashes"),
        (["--oops=https://me:ge/heim@host"], "unrecognized"),
    ],
)
def test_an_argument_is_refused_without_what_it_should_not_show(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Credentials in an address are refused, not shown; a name that leads to another folder is no file's name."""
    (tmp_path / "x.jp2").touch()
    try:
        status = main(["run", str(tmp_path), *arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    shown = "".join(capsys.readouterr())
    assert status == 64, shown
    assert words in shown
    assert "heim@" not in shown
    assert "\x1b" not in shown


def test_help_is_shown_on_any_terminal() -> None:
    """The square metres of an option are not worth a traceback."""
    command = [sys.executable, "-m", "flows", "run", "--help"]
    done = subprocess.run(
        command, capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"m? on the" in done.stdout


def test_parameters_are_options_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What the dashboard calls `training_job` a person at the terminal types as --training-job; paths stay."""
    print_error("`only_failed_of` x: give `training_job`, not /data/training_job/`dataset`, and `serve`")
    make_console().out("raise `max_tile_megapixels`")
    shown = capsys.readouterr()
    assert shown.err == "--only-failed x: give --training-job, not /data/training_job/`dataset`, and `serve`\n"
    assert shown.out == "raise --max-tile-megapixels\n"
