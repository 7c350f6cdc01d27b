"""What a run reads of a tile that is wholly cached, and what becomes of files that prove damaged only then."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from editions import of_ledger
from prefect.logging import disable_run_logger
from s3_front import front
from shapely import GeometryCollection, MultiPolygon, Point
from tile_jobs import LABELS, VALID, kept, tile_job

from tasks.core.polygons.tile_extent import extract
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.extent import assemble_layers, extract_tile
from tasks.imagery import prepare_tile
from tasks.prediction import predict_tile
from tasks.product import clean_up
from tasks.report import draw_overview
from tasks.runtime.outcomes import note
from tasks.services import storage
from tasks.services.work_directory import cached_files
from tasks.services.work_directory.cached_tiles import CachedTiles

STAGES: dict[str, Any] = {"prepare": prepare_tile, "predict": predict_tile, "extract": extract_tile}


def run(jobs: list[TileJob], folder: Path) -> Ledger:
    """Look the tiles up, do their tasks, and make the product's layers and map, as a run does."""
    ledger, cached = Ledger(jobs), CachedTiles.look_up(jobs)
    with disable_run_logger():
        for name, stage in STAGES.items():
            settings = {"deployment": None} if name == "predict" else {}
            for job in ledger.standing:
                state = stage.fn(job.to_dict() | {"cached": cached.has(name, job)}, **settings)
                assert state.name == "Cached"
                note(ledger, job, name, state)
        edition = of_ledger(ledger)
        layers = assemble_layers.fn(ledger, 0.0, edition)
        draw_overview.fn(folder, ledger, layers, edition)
        clean_up.fn(jobs)
    return ledger


OPENED: list[str] = []
sys.addaudithook(lambda event, arguments: OPENED.append(str(arguments[0])) if event == "open" else None)


@contextmanager
def local_reads(_: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Paths of all files that this process opens."""
    OPENED.clear()
    yield OPENED


@contextmanager
def s3_reads(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Keys of all objects that S3 is asked for."""
    with front(request.getfixturevalue("s3_server")) as noted:
        request.getfixturevalue("aws_settings").setenv("AWS_ENDPOINT_URL", noted.url)
        paths: list[str] = []
        yield paths
        paths += [target.partition("?")[0] for _, target in noted.seen]


@pytest.mark.parametrize(("place", "reads"), [("tmp_path", local_reads), ("s3_bucket", s3_reads)], ids=["local", "s3"])
def test_a_cached_tile_costs_two_reads_a_stage(
    request: pytest.FixtureRequest, tmp_path: Path, place: str, reads: Any
) -> None:
    """In all of a run: the record once, and the file that is used once; folders are listed, however many tiles."""
    work = f"{request.getfixturevalue(place)}/work"
    jobs = [kept(work, "a"), kept(work, "b"), kept(work, "c", LABELS * 100)]
    for job in jobs:
        storage.delete(job.jpegs_uri)  # as after a good run
    with reads(request) as read:
        run(jobs, tmp_path)
    keys = {job.key(stage): (job.tile.id, stage) for job in jobs for stage in ("prepare", "predict", "extract")}
    counts = Counter(stage for path in read for key, stage in keys.items() if key in path)
    assert counts == {(job.tile.id, stage): 2 for job in jobs for stage in ("prepare", "extract")}


def test_confidence_goes_from_mask_to_product(tmp_path: Path) -> None:
    """How sure the flood is comes out of the cached confidence, also where the polygons have to be made again."""
    job = kept(tmp_path / "work", confidence=np.full(LABELS.shape, 51, np.uint8))
    for damage in (False, True):
        if damage:
            Path(job.extent_uri).write_bytes(b"x")
        with disable_run_logger():
            ledger = Ledger([job])
            layers = {layer.base: layer for layer in assemble_layers.fn(ledger, 0.0, of_ledger(ledger))}
        flood, places = layers["flood_extent"], layers["to_check"]
        assert set(flood.columns["conf_mean"].round(2)) == {0.2}
        assert len(places) == len(flood)


def damaged(work: Path) -> tuple[TileJob, Path]:
    """A wholly cached tile, and the file of its polygons, which are those of another."""
    job, other = kept(work), kept(work, "b")
    path = Path(job.extent_uri)
    path.write_bytes(Path(other.extent_uri).read_bytes())
    return job, path


def test_damaged_polygons_are_made_again(tmp_path: Path) -> None:
    """Where masks are sound, the tile is as good as any, with a warning; and the cache is mended."""
    job, path = damaged(tmp_path / "work")
    (account,) = run([job], tmp_path).accounts
    assert account.warnings == [f"{path}: not the file that its record names; it is computed again"]
    assert account.error is None
    assert run([job], tmp_path).accounts[0].warnings == []


def far_too_wide() -> bytes:
    """Sound polygons, five thousand kilometres wide."""
    ground = MultiPolygon([shapely.box(0, 0, 5e6, 5e6)])
    return bytes(shapely.to_wkb(GeometryCollection([ground, ground, MultiPolygon(), Point(1, 0)])))


@pytest.mark.parametrize(
    "content", [far_too_wide(), extract(LABELS, VALID, tile_job("", "z").resized, (1,)).to_bytes()]
)
def test_polygons_with_a_forged_record_are_made_again(content: bytes, tmp_path: Path) -> None:
    """What fits its record and cannot be the tile's is found by where it lies."""
    job = kept(tmp_path / "work")
    cached_files.keep(job, "extract", {job.extent_uri: content})
    (account,) = run([job], tmp_path).accounts
    assert account.error is None
    assert "fits its record, but is not what it should be" in account.warnings[0]


def test_polygons_that_cannot_be_made_again_cost_their_tile_one_run(tmp_path: Path) -> None:
    """The tile fails instead of showing another's flood; the next run finds neither polygons nor mask in the cache."""
    job, path = damaged(tmp_path / "work")
    Path(job.labels_uri).write_bytes(b"x")
    (account,) = run([job], tmp_path).failed
    assert account.error == f"{path}: not the file that its record names. Run again: what does not fit is computed anew"
    found = CachedTiles.look_up([job])
    assert (found.extract, found.predict) == (frozenset(), frozenset())


def test_a_damaged_preview_costs_its_place_on_the_map(tmp_path: Path) -> None:
    """The tile is done all the same, and the next run prepares it anew."""
    job = kept(tmp_path / "work")
    Path(job.preview_uri).write_bytes(b"x")
    assert run([job], tmp_path).failed == []
    assert not CachedTiles.look_up([job]).has("prepare", job)
    assert not storage.exists(job.preview_uri)
