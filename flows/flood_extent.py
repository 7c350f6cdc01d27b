"""The flood-extent flow: aerial NRG frames in, georeferenced flood polygons out.

It wraps what a person used to do by hand in a notebook: fetch and resize the frames, deploy a trained segmentation
model, predict every tile, trace the flood, write shapefiles, and delete the endpoint. Run it here with ``flood-extent
run DATASET --output DIR``; from a deployment with ``prefect deployment run``, on a schedule, or from the UI.
"""

import os
from typing import Any

from prefect import State, flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.parameters import (
    Endpoint,
    FloodLabels,
    InstanceCount,
    Megapixels,
    Minutes,
    RunParameters,
    Share,
    SquareMetres,
    Text,
    Width,
)
from flows.run import Run
from tasks.dataset import list_tiles
from tasks.extent import assemble_layers, extract_tile
from tasks.imagery import prepare_tile
from tasks.policies import as_it_is
from tasks.prediction import predict_tile
from tasks.product import clean_up, package, publish, write_product
from tasks.report import draw_overview, write_report

TILES_AT_ONCE = max(2, os.cpu_count() or 2)


@flow(
    name="flood-extent",
    task_runner=ThreadPoolTaskRunner[Any](max_workers=TILES_AT_ONCE),  # type: ignore[arg-type] # invariant in its future
    persist_result=False,
)
def flood_extent(
    dataset: Text,
    output_directory: Text = "out",
    endpoint: Endpoint = "local",
    training_job: Text | None = None,
    model: Text = "water-index",
    instance_type: Text = "ml.c5.xlarge",
    instance_count: InstanceCount = 1,
    width: Width = 1000,
    min_contour_size: SquareMetres = 25.0,
    flood_labels: FloodLabels = [1, 2],  # noqa: B006 - never changed; the run form shows it
    failure_tolerance: Share = 0.0,
    crs: Text | None = None,
    max_endpoint_minutes: Minutes = 240,
    work_directory: Text = "work",
    log_storage_directory: Text = "logs",
    log_file_prefix: Text = "flood_extent",
    keep_work: bool = False,
    max_tile_megapixels: Megapixels = 400,
) -> State[Any]:
    """Map the flooded ground of a dataset of aerial frames.

    Every tile is prepared, predicted and extracted by a task of its own; a tile that fails costs itself alone. What an
    earlier run has computed from the same frames and settings is not computed again.

    Args:
        dataset: NRG JPEG2000 frames: s3://bucket/prefix, a local folder, or a .txt file with one image URI a line.
        output_directory: Where the product goes, in a folder named after the dataset: local or s3://.
        endpoint: Where the model runs: local, on this machine, or sagemaker.
        training_job: SageMaker training job whose model to deploy; required for sagemaker.
        model: For local: the built-in baseline water-index, or the path of an ONNX model.
        instance_type: SageMaker hosting instance.
        instance_count: Number of SageMaker instances.
        width: Width in px of the dataset's widest tile after resizing; all tiles share its scale; never enlarges.
        min_contour_size: Smallest polygon, and hole, that is kept: m² on the ellipsoid.
        flood_labels: Labels that count as flood: 1 is flood, 2 flood with cloud.
        failure_tolerance: Share of tiles that may fail before the run counts as failed; the product is written anyway.
        crs: Assigned to tiles without a CRS; corrects one that differs in datum alone. EPSG:7855 or WKT.
        max_endpoint_minutes: Hard cap on the age of a SageMaker endpoint.
        work_directory: Intermediates and cache: local or s3://.
        log_storage_directory: Where the run's log file goes: local or s3://.
        log_file_prefix: Start of the log file's name.
        keep_work: Keep the intermediates of a good run.
        max_tile_megapixels: Largest image, in millions of pixels, that is decoded.
    """
    with Run.begin(RunParameters(**locals())) as run:
        run.plan(list_tiles(dataset, crs, max_tile_megapixels))
        # Deploying happens in this process, whatever runner the tiles use: only the flow's process may own an endpoint.
        with ThreadPoolTaskRunner[Any](max_workers=1) as in_this_process:
            try:
                if run.needs_endpoint:
                    run.endpoint.start(in_this_process)
                run.stage(prepare_tile)
                run.stage(predict_tile, deployment=run.deployment())
            finally:
                run.endpoint.end()
        run.stage(extract_tile)
        if run.has_answers:
            with run.staging() as folder:
                layers = assemble_layers(run.ledger, min_contour_size)
                warnings = write_product(layers, folder)
                draw_overview(folder, run.ledger, layers, run.dataset_name)
                record = write_report(folder, run.ledger, layers, warnings, **run.facts())
                package(folder, run.dataset_name)
                product = publish(folder, run.destination)
            if not run.keeps_work:
                clean_up(as_it_is(run.jobs))
            run.finished(record, product)
        return run.final_state()
