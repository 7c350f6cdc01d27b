"""What the processes of a run import, and what not: packages that only other runs use cost each of them CPU seconds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import QUIET, ROOT, TIMEOUT_SECONDS
from many_tiles import make_tiles

# Of what is in all processes, dear and never needed.
NEVER = {"pandas", "geopandas", "pyarrow", "matplotlib", "sagemaker_core", "onnxruntime", "moto", "dask", "distributed"}
AWS = {"boto3", "botocore", "prefect_aws", "aiobotocore"}
GIS = {"rasterio", "pyogrio", "pyproj", "shapely", "cv2"}
ABSENT = {
    "flow": NEVER | AWS | {"sqlalchemy", "docket", "prefect_dask", "prefect_redis"},
    "server": NEVER | AWS | GIS | {"numpy", "prefect_dask", "prefect_redis"},
    "model": NEVER | AWS | GIS - {"cv2"} | {"prefect", "httpx", "rich"},
    "decoder": NEVER | AWS | {"prefect", "httpx", "rich", "pyogrio", "uvicorn", "starlette"},
}
# By what its command line has; the flow's has none of them.
SIGNS = {"server": "deployments.server_app:create_app", "model": "infra.model_server"}
# Python runs it in each process that finds it: servers end by a signal, so it notes what there is as it comes.
SPY = """
import json, os, sys, threading, time
from pathlib import Path

def note(path=Path(os.environ["SPY_FOLDER"], f"{os.getpid()}.json")):
    while True:
        names = sorted({name.partition(".")[0] for name, module in list(sys.modules.items()) if module is not None})
        part = path.with_suffix(".part")
        part.write_text(json.dumps([sys.orig_argv, names]))
        part.replace(path)
        time.sleep(0.2)

threading.Thread(target=note, daemon=True).start()
"""
# What the modules that a child is started with import, in a process of its own.
CHILDREN = {
    "model": "import infra.model_server.__main__, infra.model_server.app, infra.model_server.connections, uvicorn",
    "decoder": "import tasks.services.frames.decoder_process",
}
PRINT = "; import json, sys; print(json.dumps([name for name, module in sys.modules.items() if module is not None]))"


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_imports_only_what_it_uses(child: str) -> None:
    """Neither Prefect, nor AWS, nor data frames are imported by a process that answers with a model or decodes."""
    code = f"{CHILDREN[child]}{PRINT}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "numpy" in imported
    assert not imported & ABSENT[child]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Top-level packages that the processes of a run with a server of its own had imported, by process."""
    folder = tmp_path_factory.mktemp("spied")
    for name in ("site", "found"):
        (folder / name).mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SPY)
    dataset = make_tiles(folder / "tiles", 2, 128)
    env = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    env |= {"PREFECT_HOME": str(folder / "home"), "SPY_FOLDER": str(folder / "found"), **QUIET}
    env["PYTHONPATH"] = os.pathsep.join([str(folder / "site"), str(ROOT)])
    command = [sys.executable, "-m", "flows", "run", str(dataset)]
    subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)
    return dict(_by_process(folder / "found"))


def _by_process(found: Path) -> Iterator[tuple[str, set[str]]]:
    for path in found.glob("*.json"):
        command, names = json.loads(path.read_bytes())
        signs = [name for name, sign in SIGNS.items() if sign in command]
        yield next(iter(signs), "flow" if command[2:4] == ["flows", "run"] else " ".join(command)), set(names)


@pytest.mark.slow
def test_a_local_run_has_the_processes_that_it_needs(imported: dict[str, set[str]]) -> None:
    """The flow, its Prefect server and its model server, and no other Python: each start is half a second at least."""
    assert set(imported) == {"flow", *SIGNS}
    assert {"prefect", "rasterio", "pyogrio"} <= imported["flow"]


@pytest.mark.slow
@pytest.mark.parametrize("process", ["flow", *SIGNS])
def test_a_process_of_a_local_run_imports_only_what_it_uses(imported: dict[str, set[str]], process: str) -> None:
    """Until its end nothing is imported that another kind of run, a format or a device needs."""
    assert not imported[process] & ABSENT[process]
