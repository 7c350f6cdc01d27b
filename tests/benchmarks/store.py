"""What a tile costs in object storage, by stage: requests by kind, and bytes; for a frame as flown and a small one.

Frames, work directory and all that a run reads again lie in a simulated S3 behind an address that counts. Everything is
done in this process, by the functions that the stages call; the model is ``water-index``, which the server would ask.
"""

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
from big_tile import big_tile
from prefect.logging import disable_run_logger

from tasks.core.masks.labels import encode_mask
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import Split
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.extent import assemble_layers, extract_tile
from tasks.imagery import prepare_tile
from tasks.prediction import predict
from tasks.product import clean_up
from tasks.report import draw_overview
from tasks.services import storage
from tasks.services.endpoints.contract import Deployment, EndpointService
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.work_directory.cached_tiles import CachedTiles

KINDS = ("LIST", "HEAD", "GET", "PUT", "POST", "DELETE")
SMALL_TILES, SMALL_PX = 20, 256
OTHERS = 6_000  # answers of other runs in the same work directory
WORK = "small/work"  # of the bucket
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class Here(EndpointService):
    """The model in this process."""

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = "") -> bytes:  # noqa: ARG002 - the protocol's
        """The label mask."""
        nrg = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return encode_mask(water_index.predict(np.asarray(nrg, np.uint8), attributes))


def run() -> None:
    """Print requests and bytes a tile and stage for both kinds of frame, and what a large cache of others adds."""
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place, _s3() as (noted, bucket):
        (Path(place) / "big").mkdir()
        shutil.copy(big_tile(), Path(place) / "big")
        small = make_tiles(Path(place) / "small", SMALL_TILES, SMALL_PX)
        for name, folder in (("10,000 px", Path(place) / "big"), (f"{SMALL_PX} px", small)):
            _print(name, *_measured(folder, f"{bucket}/{folder.name}", noted))
        _fill(bucket, Path(place))
        before = len(noted.seen)
        CachedTiles.look_up(_jobs(f"{bucket}/small/frames", f"{bucket}/{WORK}"))
        kinds = Counter(map(_kind, noted.seen[before:]))
        print(f"store: beside {OTHERS:,} tiles of others, {SMALL_TILES} tiles are looked up with {dict(kinds)}")


@contextmanager
def _s3() -> Iterator[tuple[Any, str]]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second
    from s3_front import front  # noqa: PLC0415 - of tests/support

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with front(f"http://{host}:{port}") as noted:
            os.environ |= {**KEYS, "AWS_ENDPOINT_URL": noted.url}
            import boto3  # noqa: PLC0415 - half a second

            boto3.client("s3").create_bucket(Bucket="store")
            yield noted, "s3://store"
    finally:
        server.stop()


def _jobs(frames: str, work: str) -> list[TileJob]:
    import tile_jobs  # noqa: PLC0415 - of tests/support

    tiles = list_tiles(frames, crs=None, max_pixels=1 << 29)
    told = {tile.id: Split(70, 96) for tile in tiles}
    return tile_jobs.planned(tiles, work_directory=work, max_pixels=1 << 29, told=told)


def _measured(folder: Path, place: str, noted: Any) -> tuple[int, Mapping[str, Counter[str]]]:
    """How many tiles there are, and requests by kind and bytes of all of them, by stage."""
    frames, work, endpoint = f"{place}/frames", f"{place}/work", Deployment("local", "here")
    for path in sorted(folder.iterdir()):
        storage.write_bytes(f"{frames}/{path.name}", path.read_bytes())
    costs: dict[str, Counter[str]] = {}

    def counted(stage: str, act: Callable[[], Any]) -> Any:
        before = len(noted.seen)
        done = act()
        costs[stage] = Counter(map(_kind, noted.seen[before:]))
        sent, received = (sum(column) for column in zip(*noted.sizes[before:], strict=True))
        costs[stage] |= Counter({"sent": sent, "received": received})
        return done

    jobs = counted("list", lambda: _jobs(frames, work))
    ledger = Ledger(jobs)
    counted("look up", lambda: CachedTiles.look_up(jobs))
    with disable_run_logger():
        counted("prepare", lambda: _stage(ledger, "prepare", lambda job: prepare_tile.fn(job.to_dict())))
        counted("predict", lambda: [predict(job, Here(), endpoint) for job in jobs])
        counted("extract", lambda: _stage(ledger, "extract", lambda job: extract_tile.fn(job.to_dict())))
        counted("product", lambda: _product(ledger))
        counted("clean up", lambda: clean_up.fn(jobs))
    return len(jobs), costs


def _stage(ledger: Ledger, stage: str, work: Callable[[TileJob], dict[str, Any]]) -> None:
    for job in ledger.standing:
        ledger.done(job, stage, **work(job))


def _product(ledger: Ledger) -> None:
    from editions import of_ledger  # noqa: PLC0415 - of tests/support

    edition = of_ledger(ledger)
    layers = assemble_layers.fn(ledger, 0.0, edition)
    with tempfile.TemporaryDirectory() as folder:
        draw_overview.fn(Path(folder), ledger, layers, edition)


def _kind(request: tuple[str, str]) -> str:
    method, target = request
    return "LIST" if "list-type" in parse_qs(urlsplit(target).query) else method


def _print(name: str, tiles: int, costs: Mapping[str, Counter[str]]) -> None:
    print(f"\nstore: a frame of {name}: requests and kB a tile, of {tiles} tiles")
    print(f"{'stage':<9}" + "".join(f"{kind:>8}" for kind in KINDS) + f"{'sent kB':>10}{'read kB':>10}")
    for stage, cost in {**costs, "all": sum(costs.values(), Counter[str]())}.items():
        requests = "".join(f"{cost[kind] / tiles:>8.2f}" for kind in KINDS)
        print(f"{stage:<9}{requests}{cost['sent'] / tiles / 1e3:>10,.1f}{cost['received'] / tiles / 1e3:>10,.1f}")


def _fill(bucket: str, place: Path) -> None:
    """Put answers of others where moto keeps them: over HTTP they would take long."""
    from hashlib import sha256  # noqa: PLC0415 - of this alone

    from moto.core import DEFAULT_ACCOUNT_ID  # noqa: PLC0415 - takes a second
    from moto.s3.models import s3_backends  # noqa: PLC0415 - as above

    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    files = {"records/prepare": [".json"], "prepare": [".valid.png", ".preview.jpg"]}
    files |= {"records/predict": [".json"], "predict": [".png"], "records/extract": [".json"], "extract": [".wkb"]}
    for number in range(OTHERS):
        key = sha256(f"{place}{number}".encode()).hexdigest()
        for folder, endings in files.items():
            for ending in endings:
                backend.put_object(storage.name(bucket), f"{WORK}/cache/{folder}/{key}{ending}", b"x")
