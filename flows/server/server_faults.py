"""Why a run or its Prefect server ended: memory that ran out, and what the server's own output and end tell."""

import errno
import signal
from pathlib import Path

HOME_REMEDY = "set PREFECT_HOME to another folder that you may write (export PREFECT_HOME=/path/to/folder)"
OUT_OF_MEMORY = (
    "it was killed (signal 9), as Linux does where memory runs out. Give the machine or container more memory, or "
    "end what else needs it, and run again: what was computed is kept"
)
NO_MEMORY = (
    "memory ran out. Give the machine or container more of it, or end what else needs it, and run again: what was "
    "computed is kept"
)
# OpenCV, GDAL and Python's own threads have no type of error for it.
SIGNS = ("insufficient memory", "out of memory", "cannot allocate memory", "can't start new thread")
# What its output has, in small letters, and what that means; the first that is found counts. `{home}` is PREFECT_HOME.
MEANINGS = (
    ("file is not a database", "the database in {home} is damaged, or no SQLite database. Move prefect.db away, or "),
    ("database disk image is malformed", "the database in {home} is damaged. Move prefect.db away, or "),
    ("can't locate revision", "the database in {home} was made by another version of Prefect. Use that one, or "),
    ("no space left on device", "no space is left for {home}. Make room, or "),
    ("database or disk is full", "no space is left for {home}. Make room, or "),
    ("disk quota exceeded", "your quota for {home} is used up. Make room, or "),
    ("read-only file system", "{home} cannot be written: it is read-only. Let it be written, or "),
    ("readonly database", "the database in {home} cannot be written. Let it be written, or "),
    ("unable to open database file", "no database can be made or opened in {home}. Let it be written, or "),
    ("disk i/o error", "the disk of {home} answers with errors, or is full. Look at it, or "),
    ("locking protocol", "the file system of {home} has no locks that SQLite can use. To run without them, "),
    ("permission denied", "not all in {home} may be read and written. Let it be, or "),
)


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error, or one that led to it, says so."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if any(sign in str(error).lower() for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def reason(status: int | None, output: str, home: Path) -> str:
    """What a person can do something about, first; then the server's own last words.

    Args:
        status: Its exit status, negative where a signal ended it; None while it is running.
        output: What it has written.
        home: Its PREFECT_HOME.
    """
    found = output.lower()
    if status == -signal.SIGKILL:
        return OUT_OF_MEMORY
    if "memoryerror" in found or "cannot allocate memory" in found:
        return NO_MEMORY
    if "address already in use" in found:
        return f"its port is taken. Run again, or give serve another --port\n{output}"
    for sign, meaning in MEANINGS:
        if sign in found:
            # Of the lines that have the sign the last: a traceback ends with what went wrong.
            line = next((one.strip() for one in reversed(output.splitlines()) if sign in one.lower()), "")
            return f"{meaning.format(home=home)}{HOME_REMEDY}. It said: {line}"
    ended = "it does not answer" if status is None else f"it ended with status {status}"
    return f"{ended}; it said:\n{output or 'nothing'}"
