"""QGIS without windows, as tests ask it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PYTHON = "/usr/bin/python3"  # QGIS is built for the system's Python
ABSENT = "no QGIS on this machine: apt-get install python3-qgis"
CHILD = Path(__file__).with_name("qgis_child.py")


def in_qgis(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Let QGIS open what a request names, and render its pictures; skips where there is no QGIS.

    Args:
        request: ``sources`` (layer names to OGR sources) or ``project``; ``slds`` (layer names to style files);
            ``pictures``, each with ``layers`` (the first on top), ``extent``, ``size`` and ``path``.
        folder: For its settings and its answer; an empty one of the test.

    Returns:
        Of each layer ``valid``, ``title``, ``rules``, ``parts`` of its symbols, and ``label``.
    """
    if not Path(PYTHON).exists():
        pytest.skip(ABSENT)
    answer = folder / "answer.json"
    done = subprocess.run(
        [PYTHON, CHILD, answer],
        input=json.dumps(request),
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "No module named 'qgis'" in done.stderr:
        pytest.skip(ABSENT)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    places = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "QGIS_CUSTOM_CONFIG_PATH"), str(folder))
    return kept | places | {"QT_QPA_PLATFORM": "offscreen"}
