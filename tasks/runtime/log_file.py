"""The run's log file: everything that flow and tasks log, kept beside the product's path for later questions."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from tasks.core.explanations import CAUSE
from tasks.core.text import safe_text
from tasks.services import storage
from tasks.services.temp_folders import temp_folder

# Prefect gives a task's lines the name of its run, which carries stage and tile; the flow's own have none.
FORMAT, NO_TASK = "%(asctime)s %(levelname)-7s %(task_run_name)s: %(message)s", {"task_run_name": "flood-extent"}
LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
# Prefect 3.8 (task_engine.py) puts the state's message into it as Python would write it, with its line breaks as "\\n".
FAILURE = re.compile(r"Finished in state \w+(?=\()")


class Redacting(logging.Filter):
    """Takes credentials and control characters out of a record before any handler (file, terminal, API) sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always logged."""
        record.msg, record.args = safe_text(record.getMessage()), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = safe_text(logging.Formatter().formatException(record.exc_info))
        return True


class Brief(logging.Filter):
    """Takes the message out of Prefect's line on a task run's failure: it stands in the task's own line, readable."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always logged."""
        failure = FAILURE.match(str(record.msg))
        if failure is not None and CAUSE in str(record.msg):
            record.msg, record.args = failure[0], ()
        return True


class _UnfollowedFile(logging.FileHandler):
    """A file that is not opened where a link stands in its place."""

    def _open(self) -> TextIOWrapper:
        def unfollowed(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW, 0o644)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=unfollowed)  # type: ignore[return-value]


@contextmanager
def log_file(directory: str, prefix: str, run: str) -> Iterator[str]:
    """Copy the log of flow and tasks into ``<directory>/<prefix>_<run>.log`` while the block runs.

    Args:
        directory: Local folder or ``s3://`` prefix; S3 gets the file when the block ends.
        prefix: Start of the file's name.
        run: What tells this run's file from others'.

    Yields:
        The URI of the log file.

    Raises:
        OutputRefused: The directory cannot be written.
    """
    uri = storage.join(storage.resolve(directory), f"{prefix}_{run}.log")
    storage.write_bytes(uri, b"")
    with temp_folder("log") as folder:
        path = folder / "run.log" if storage.is_s3(uri) else Path(uri)
        try:
            with _copying_to(path):
                yield uri
        finally:
            if storage.is_s3(uri):
                storage.write_bytes(uri, path.read_bytes())


@contextmanager
def _copying_to(path: Path) -> Iterator[None]:
    handler = _UnfollowedFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT, defaults=NO_TASK))
    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with redacted():
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


@contextmanager
def redacted() -> Iterator[None]:
    """What flow and tasks of this process log, in the block, is brief and holds no credentials, wherever it goes."""
    loggers, filters = [logging.getLogger(name) for name in LOGGERS], (Brief(), Redacting())
    for logger in loggers:
        for one in filters:
            logger.addFilter(one)
    try:
        yield
    finally:
        for logger in loggers:
            for one in filters:
                logger.removeFilter(one)
