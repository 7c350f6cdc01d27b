"""All benchmarks, each a ratio measured in one run: ``make bench``; by name only some: ``tests/benchmarks tile``."""

import importlib
import sys
from pathlib import Path

sys.path += [str(folder) for folder in (Path(__file__).parents[1] / "support").iterdir()]

for name in sys.argv[1:] or (
    "decode",
    "tile",
    "isolation",
    "fixed",
    "polygons",
    "joining",
    "assembling",
    "places",
    "formats",
    "orchestration",
    "calibration",
    "chips",
    "server",
    "store",
    "growth",
    "memory",
    "planning",
    "dask_runner",
    "busy",
):
    importlib.import_module(name).run()
