"""The command line as tests use it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tasks.core.demo.scene import DATASET

ROOT = Path(__file__).parents[3]
RECORD = Draft202012Validator(json.loads((ROOT / "docs" / "run.schema.json").read_text()))
TIMEOUT_SECONDS = 240
QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True)
class Scene:
    """A small demo scene: its tiles' folder and its truth."""

    dataset: Path
    truth: Path


@dataclass(frozen=True)
class CommandLine:
    """``flood-extent`` in a folder of its own.

    Attributes:
        folder: Where it runs; output, work and logs are its defaults below.
        environment: Added to this process's.
    """

    folder: Path
    environment: Mapping[str, str]

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows", *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str | Path, **environment: str) -> tuple[int, str]:
        """Run a command to its end: exit status, and what it printed."""
        process = self.start(*arguments, **environment)
        try:
            said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
        return process.returncode, said

    def record(self, dataset: str = DATASET, output: str = "out") -> dict[str, Any]:
        """The run.json of a product; fails the test where it does not keep to its schema."""
        record: dict[str, Any] = json.loads((self.folder / output / dataset / "run.json").read_bytes())
        RECORD.validate(record)
        return record
