"""Packages that others import only because they are installed are left out, and are there for who asks for them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT

SCRIPT = """
import json, sys
{before}
import tasks.core
import pyogrio, pyogrio._compat, pyogrio.raw, rasterio, rasterio.session
hidden = [name for name in ("geopandas", "pandas", "pyarrow", "boto3") if name in sys.modules]
import {package}
print(json.dumps([hidden, pyogrio._compat.HAS_GEOPANDAS, {package}.__file__]))
"""


def ran(package: str, folder: Path, before: str = "") -> tuple[list[str], bool, str]:
    """Which of them a fresh process has after the imports; whether pyogrio found geopandas; where `package` is.

    Those that are found here are empty: what counts is whether they are, on a machine that has none of them, too.
    """
    for name in ("geopandas", "pandas", "pyarrow", "boto3"):
        (folder / f"{name}.py").write_text("__version__ = '99.0.0'\n")
    code = SCRIPT.format(package=package, before=before)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hidden, found, place = json.loads(done.stdout)
    return hidden, found, place


def test_data_frames_are_not_imported_by_the_way_but_can_be(tmp_path: Path) -> None:
    """Neither pyogrio nor rasterio finds one, though all are installed; who imports one has it."""
    assert ran("pandas", tmp_path) == ([], False, str(tmp_path / "pandas.py"))


@pytest.mark.slow
def test_who_imports_data_frames_before_has_them_in_pyogrio(tmp_path: Path) -> None:
    """A program that reads data frames with pyogrio in the same process is not kept from it."""
    hidden, found, _ = ran("geopandas", tmp_path, "import geopandas")
    assert hidden == ["geopandas"]
    assert found
