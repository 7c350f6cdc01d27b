"""The work of a run on a dataset by the functions that its tasks wrap, without a flow, a task or a server.

``python without_prefect.py DATASET FOLDER`` prints the CPU seconds of its process, imports included, children not.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prefect.logging import disable_run_logger

from flows.flood_extent import TILES_AT_ONCE
from flows.parameters import RunParameters
from flows.preflight import plan_tiles
from flows.run.edition import edition_of
from flows.run.run import Run
from flows.run.tile_work import TileWork
from tasks.core.tiles.ledger import Ledger
from tasks.dataset import list_tiles
from tasks.endpoint import EndpointLife
from tasks.extent import assemble_layers, extract_tile
from tasks.imagery import prepare_tile
from tasks.prediction import predict_tile
from tasks.product import clean_up, package, publish, write_product
from tasks.report import draw_overview, write_report
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.work_directory.cached_tiles import CachedTiles


def work(dataset: str, folder: str) -> None:
    """Everything from the listing to the cleaned-up product."""
    parameters = RunParameters(dataset=dataset, output_directory=f"{folder}/out", work_directory=f"{folder}/work")
    life = EndpointLife(parameters.endpoint_spec(), f"benchmark-{uuid4().hex}")
    tiles = TileWork(parameters, endpoint_service(life.spec).model_identity())
    run = Run(parameters, uuid4(), life, datetime.now(UTC), "", tiles)
    frames = list_tiles.fn(dataset, None, parameters.max_tile_megapixels)
    tiles.jobs = plan_tiles(parameters, frames, tiles.model_identity)
    tiles.ledger, tiles.cached = Ledger(tiles.jobs), CachedTiles.look_up(tiles.jobs)
    _do_stages(run)
    _make_product(run)


def _do_stages(run: Run) -> None:
    service = endpoint_service(run.endpoint.spec)
    deployment = service.deploy(run.endpoint.name, lambda _: None).to_dict()
    try:
        _do(run, prepare_tile)
        _do(run, predict_tile, deployment=deployment)
    finally:
        service.delete(run.endpoint.name)
    _do(run, extract_tile)


def _do(run: Run, stage: Any, **parameters: Any) -> None:
    with ThreadPoolExecutor(TILES_AT_ONCE) as pool:
        answers = pool.map(lambda job: stage.fn(job=job.to_dict(), **parameters), run.tiles.jobs)
        for job, answer in zip(run.tiles.jobs, answers, strict=True):
            run.tiles.ledger.done(job, stage.name, seconds=answer["seconds"])


def _make_product(run: Run) -> None:
    with run.staging() as folder:
        edition = edition_of(run)
        layers = assemble_layers.fn(run.tiles.ledger, run.min_contour_size, edition, run.tiles.given)
        warnings = write_product.fn(layers, folder, run.started, run.parameters.formats)
        draw_overview.fn(folder, run.tiles.ledger, layers, edition)
        write_report.fn(folder, run.tiles.ledger, layers, edition, warnings, None, **run.facts())
        package.fn(folder, run.dataset_name, run.started)
        publish.fn(folder, run.destination)
    clean_up.fn(run.tiles.jobs)


if __name__ == "__main__":
    with disable_run_logger():
        work(sys.argv[1], sys.argv[2])
    print(json.dumps(time.process_time()))
