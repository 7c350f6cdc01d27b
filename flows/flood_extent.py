"""The flood-extent flow: aerial NRG frames in, georeferenced flood polygons out.

It wraps what a person used to do by hand in a notebook: fetch and resize the frames, deploy a trained segmentation
model, predict every tile, trace the flood, write shapefiles, and delete the endpoint. Run it here with ``flood-extent
run DATASET --output DIR``; from a deployment with ``prefect deployment run``, on a schedule, or from the UI.
"""

from functools import partial
from typing import Any

from prefect import State, flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.parameter_types import (
    CaptureText,
    ChipPx,
    ClassMap,
    Confidence,
    Countries,
    DeployMinutes,
    Device,
    Endpoint,
    EndpointName,
    FileName,
    FloodLabels,
    Formats,
    GridMetres,
    InChild,
    InstanceCount,
    InstanceType,
    InstanceTypes,
    LeaseMinutes,
    Megapixels,
    Metres,
    Minutes,
    NirThreshold,
    OverlapPx,
    Places,
    Price,
    Profile,
    Release,
    Requests,
    ReviewHours,
    Seconds,
    ServerUrl,
    Share,
    Smoothing,
    SquareMetres,
    Text,
    TileRunnerKind,
    Width,
)
from flows.parameters import RunParameters
from flows.run.block_run import do_block
from flows.run.delivery import deliver
from flows.run.dry_run import rehearse
from flows.run.review import decide
from flows.run.run import Run
from flows.run.tile_stages import prepare_tiles, runners, stream_tiles
from tasks.dataset import list_tiles
from tasks.endpoint import tear_down_endpoint
from tasks.extent import extract_tile
from tasks.imagery import prepare_tile
from tasks.prediction import predict_tile
from tasks.runtime.runners import TILES_AT_ONCE


@flow(
    name="flood-extent",
    task_runner=ThreadPoolTaskRunner[Any](max_workers=TILES_AT_ONCE),  # type: ignore[arg-type] # invariant in its future
    persist_result=False,
    on_failure=[tear_down_endpoint],
    on_crashed=[tear_down_endpoint],
    on_cancellation=[tear_down_endpoint],
)
def flood_extent(
    dataset: Text,
    output_directory: Text = "out",
    endpoint: Endpoint = "local",
    training_job: Text | None = None,
    endpoint_name: EndpointName | None = None,
    endpoint_url: ServerUrl | None = None,
    min_contour_size: SquareMetres = 25.0,
    width: Width = 1000,
    flood_labels: FloodLabels = [1, 2],  # noqa: B006 - never changed; the run form shows it
    crs: Text | None = None,
    failure_tolerance: Share = 0.0,
    model: Text = "water-index",
    labels: ClassMap | None = None,
    calibration: NirThreshold | None = None,
    confidence: Confidence = "auto",
    chip_px: ChipPx | None = None,
    chip_overlap_px: OverlapPx = 64,
    device: Device = "auto",
    event_id: Text | None = None,
    event_name: Text | None = None,
    event_type: Text = "5-Flood",
    event_subtype: Text | None = None,
    event_countries: Countries = [],  # noqa: B006 - as above
    capture_time: CaptureText | None = None,
    area_of_interest: Text | None = None,
    normal_water: Text | None = None,
    normal_water_tolerance: Metres | None = None,
    exclude: Text | None = None,
    exposure: Places = [],  # noqa: B006 - as above
    formats: Formats = ["gpkg", "shp"],  # noqa: B006 - as above
    profile: Profile | None = None,
    smoothing: Smoothing = "off",
    cut_grid_m: GridMetres | None = None,
    licence: Text | None = None,
    attribution: Text | None = None,
    release: Release = 1,
    release_reason: Text | None = None,
    review: bool = False,
    review_hours: ReviewHours = 72.0,
    dry_run: bool = False,
    only_failed_of: Text | None = None,
    instance_type: InstanceType = "ml.c5.xlarge",
    instance_count: InstanceCount = 1,
    max_instance_count: InstanceCount | None = None,
    fallback_instance_types: InstanceTypes = ["ml.m5.xlarge", "ml.c5.2xlarge"],  # noqa: B006 - as above
    instance_hour_price: Price | None = None,
    max_endpoint_minutes: Minutes = 240,
    deploy_minutes: DeployMinutes = 30.0,
    lease_minutes: LeaseMinutes = 30.0,
    requests_per_instance: Requests = 4,
    predict_seconds: Seconds = 5.0,
    task_runner: TileRunnerKind = "threads",
    dask_scheduler: Text | None = None,
    block: Text | None = None,
    work_directory: Text = "work",
    keep_work: bool = False,
    log_storage_directory: Text = "logs",
    log_file_prefix: FileName = "flood_extent",
    max_tile_megapixels: Megapixels = 400,
    decode_in_child: InChild = "auto",
    aws_block: Text | None = None,
    kms_key: Text | None = None,
    requester_pays: bool = False,
) -> State[Any]:
    """Map the flooded ground of a dataset of aerial frames.

    Every tile is prepared, predicted and extracted by a task of its own; a tile that fails costs itself alone. What an
    earlier run has computed from the same frames and settings is not computed again.

    Args:
        dataset: NRG JPEG2000 frames: s3://bucket/prefix, a local folder, or a .txt file with one image URI a line.
        output_directory: Where the product goes, in a folder named after the dataset: local or s3://.
        endpoint: Where the model runs: local, on this machine; sagemaker; or http, a server of your own.
        training_job: For sagemaker: training job whose model to deploy; or else endpoint_name.
        endpoint_name: For sagemaker: endpoint that is there already; it is asked, and left as it is.
        endpoint_url: For http: address of the server, which frames are sent to; without user and password.
        min_contour_size: Smallest polygon, and hole, that is kept: m² on the ellipsoid.
        width: Width in px of the dataset's widest tile after resizing; all tiles share its scale; never enlarges.
        flood_labels: Labels that count as flood: 1 is flood, 2 flood with cloud.
        crs: Assigned to tiles without a CRS; corrects one that differs in datum alone. EPSG:7855 or WKT.
        failure_tolerance: Share of tiles that may fail before the run counts as failed; the product is written anyway.
        model: For local: the built-in baseline water-index, or the path of an ONNX model. For http: your name for it.
        labels: Label of each class of the model, in its order: 0 other, 1 flood, 2 flood with cloud, 3 ignored.
        calibration: Near infrared (0 to 255) below which it is water, for water-index; without it the dataset decides.
        confidence: Ask the model how sure it is: on, off, or auto: for a model on this machine, where it costs nothing.
        chip_px: Longest side of the pieces that the model is asked for, a multiple of 8; without it, a tile is one.
        chip_overlap_px: What neighbouring pieces share, at least: more than the model looks around a pixel.
        device: For an ONNX model on this machine: cpu, cuda, or auto: a GPU where there is one that it can use.
        event_id: Code of the event, such as EMSR692 or a GLIDE number; in the product, and in its name by profile cems.
        event_name: What people call it; title of map and report.
        event_type: Kind of event in the words of Copernicus EMS.
        event_subtype: Likewise, finer: Riverine flood, Flash flood, Coastal flood, Ice jam flood.
        event_countries: Where it is, as ISO 3166-1 alpha-3, AUS; for the metadata of the emergency extension.
        capture_time: When the frames were taken, 2021-04-03T01:31Z or 2021-04-03; else their metadata or names say it.
        area_of_interest: Polygons, any CRS, which the product is clipped to; frames outside are not fetched.
        normal_water: Polygons, any CRS, of permanent or pre-flood water, which is told apart from flood.
        normal_water_tolerance: Flood beside normal water thinner than this, m, is misregistration; else a mapped pixel.
        exclude: Polygons, any CRS, where nothing may be called flood, such as roofs; a field reason is kept.
        exposure: Vector files of buildings, roads, parcels: how much of each is flooded, and how much nobody saw.
        formats: What the product is written as, besides GeoPackage: shp fgb gdb pmtiles geojson xlsx parquet cog pdf.
        profile: cems: the layers once more in EPSG:4326, named and typed as Copernicus EMS Rapid Mapping does.
        smoothing: For maps, a copy of the outline: off, simplify, or smooth; the exact one stays in the GeoPackage.
        cut_grid_m: A copy of the extent cut along a grid of so many metres: for rivers too large for one piece.
        licence: Under which the product is handed on, such as CC-BY-4.0.
        attribution: Whom users of the product must name.
        release: Number of this release of the product; the next after corrections.
        release_reason: What differs from the release before.
        review: Suspend the run after extraction, endpoint gone, until a person has judged map and table in the UI.
        review_hours: How long a review may take; after that the run has failed, and what it computed is kept.
        dry_run: Only find out what a run would do: nothing is created, deployed or written.
        only_failed_of: Flow run id, or path or URI of a product: do again just the tiles that failed there.
        instance_type: For sagemaker: hosting instance.
        instance_count: For sagemaker: number of instances.
        max_instance_count: For sagemaker: AWS adds instances up to this number while all are busy; without, none.
        fallback_instance_types: For sagemaker: instances to try in turn where AWS is short of the first.
        instance_hour_price: For sagemaker: price of an hour of instance_type, any currency, for the cost in the report.
        max_endpoint_minutes: For sagemaker: hard cap on the endpoint's age; a run estimated to need more is refused.
        deploy_minutes: For sagemaker: in which the endpoint must be in service.
        lease_minutes: For sagemaker: after so long without a sign of life of its run, the sweep deletes the endpoint.
        requests_per_instance: For sagemaker, http: images that an instance is sent at once; one a vCPU serves well.
        predict_seconds: For sagemaker: what a request is expected to take; the report has what tiles took.
        task_runner: For operators, as all that follows: tiles are worked on in threads of this machine, or by dask.
        dask_scheduler: For dask: its address, tcp://host:8786, or a cluster class; without, processes of this machine.
        block: What a campaign has this run do of it, and no product is made; nobody gives it by hand.
        work_directory: Intermediates and cache: local or s3://, which Dask workers that share no disk need.
        keep_work: Keep the intermediates of a good run.
        log_storage_directory: Where the run's log file goes: local or s3://.
        log_file_prefix: Start of the log file's name.
        max_tile_megapixels: Largest image, in millions of pixels, that is decoded.
        decode_in_child: Decode in child processes, where a crash costs one tile: always, never, or auto: frames in S3.
        aws_block: Name of a prefect-aws AwsCredentials block; without one, AWS's default chain is used.
        kms_key: KMS key that everything written to S3 is encrypted with; without one, as each bucket says.
        requester_pays: Agree to pay for requests to S3 buckets where the requester pays ('requester pays').
    """
    asked = RunParameters(**locals())
    if dry_run:
        return rehearse(asked)
    stages = prepare_tile, predict_tile, extract_tile
    preparing: dict[str, Any] = {"decode_in_child": decode_in_child}
    with Run.begin(asked) as run:
        if run.order is not None:
            return do_block(run, run.order, stages, **preparing)
        if not run.resumed:
            run.plan(list_tiles(dataset, run.parameters.crs, run.parameters.max_tile_megapixels))
            with runners(run) as where:
                try:
                    run.tiles.calibrate(partial(prepare_tiles, run, prepare_tile, where, **preparing))
                    stream_tiles(run, stages, where, **preparing)
                finally:
                    run.endpoint.end()
        if review and run.tiles.ledger.standing:
            decide(run)
        return deliver(run)
