"""``flood-extent demo``: a scene is made, mapped and scored; with ``--endpoint sagemaker`` through a local AWS.

On the local AWS the whole cloud path is taken, away from any real account: frames from its S3, a model in its
SageMaker, the product to its S3.
"""

import argparse
from pathlib import Path

from rich.console import Console

from flows.command_line.console import make_console
from flows.command_line.options import add_options, parameters_of
from flows.command_line.run_command import run_flow
from flows.command_line.terminal import show_score
from flows.preflight import plan_tiles, product_uri
from infra.sandbox import local_aws
from tasks.core.demo.scene import DATASET, SEED, make_scene
from tasks.core.errors import UnusableArgument
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import calibrate
from tasks.core.scoring.score_files import score_product
from tasks.core.tiles.estimates import PIXELS_A_MEGAPIXEL
from tasks.services.endpoints.endpoint_kinds import LOCAL, SAGEMAKER
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.frames.decoder_process import decode
from tasks.services.frames.frame_files import requested
from tasks.services.publishing.assessing import product_at_hand
from tasks.services.storage.uris import is_s3

DIRECTORY = "demo"
LEFT_OUT = frozenset({"dataset", "training_job", "endpoint_name"})
LEFT_OUT |= {"dry_run", "review", "review_hours", "only_failed_of"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The scene, and the options of its run."""
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, another scene")
    add_options(parser, leave_out=LEFT_OUT)


def run(options: argparse.Namespace) -> int:
    """Make a scene, run on it, and score the extent against what the scene knows.

    Raises:
        UnusableArgument: On the local AWS, an output that will be gone with it.
    """
    console = make_console()
    on_sagemaker = getattr(options, "endpoint", "") == SAGEMAKER
    default = f"{DIRECTORY}-{SAGEMAKER}" if on_sagemaker else DIRECTORY
    output = getattr(options, "output_directory", default)
    if on_sagemaker and is_s3(output):
        raise UnusableArgument(f"--output {output}: this demo has an S3 of its own; name a folder for a copy")
    folder = Path(default if is_s3(output) else output)
    console.out(f"making a flood scene in {folder / 'scene'}")
    truth = make_scene(folder / "scene", seed=options.seed)
    for name, place in (("work_directory", "work"), ("log_storage_directory", "logs")):
        setattr(options, name, getattr(options, name, str(folder / place)))
    scene = folder / "scene" / DATASET
    if on_sagemaker:
        return _on_a_local_aws(options, scene, folder / DATASET, truth, console)
    return _mapped_and_scored(options, str(scene), output, truth, console)[0]


def _mapped_and_scored(
    options: argparse.Namespace, dataset: str, output: str, truth: Path, console: Console
) -> tuple[int, str]:
    """The run's exit status, and the product's URI."""
    options.dataset, options.output_directory = dataset, output
    parameters = parameters_of(options)
    status = run_flow(parameters, console)
    with product_at_hand(product_uri(parameters)) as product:
        show_score(console, score_product(product, truth))
    return status, product_uri(parameters)


def _trained(options: argparse.Namespace, scene: Path) -> int | None:
    """What the stand-in for a trained model would have learned; None where it is told, or learns nothing."""
    parameters = parameters_of(argparse.Namespace(**{**vars(options), "dataset": str(scene), "endpoint": LOCAL}))
    if parameters.calibration is not None or not parameters.endpoint_spec().is_calibrated:
        return None
    histograms = {}
    tiles = list_tiles(str(scene), crs=None, max_pixels=parameters.max_tile_megapixels * PIXELS_A_MEGAPIXEL)
    for job in plan_tiles(parameters, tiles, ""):
        with requested(job) as request:
            prepared = decode(request)
        histograms[job.tile.id] = water_index.histogram_of_chips(prepared.sent(), prepared.valid)
    return calibrate(histograms)[0].nir


def _on_a_local_aws(options: argparse.Namespace, scene: Path, copy: Path, truth: Path, console: Console) -> int:
    with local_aws.sandbox_only(getattr(options, "model", "water-index")) as sandbox:
        console.print(f"a local AWS at {sandbox.url}: no real account is touched")
        dataset, options.training_job = local_aws.upload(scene, sandbox), local_aws.TRAINING_JOB
        if (threshold := _trained(options, scene)) is not None:
            options.calibration = threshold
        status, product = _mapped_and_scored(options, dataset, f"s3://{local_aws.BUCKET}/maps", truth, console)
        console.print(local_aws.check_nothing_left(sandbox))
        local_aws.download(product, copy)
    console.out(f"a copy of the product: {copy}")
    return status
