"""Predictions by a transform job: the same as an endpoint's, found by image; and nothing of it outlives the run."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import cv2
import numpy as np
import pytest
from cloud import NOTHING, RUN, Cloud, as_new_process, spec, tags_for
from tile_jobs import HISTOGRAM, planned

from tasks.core.errors import EndpointRefused, EndpointUnavailable, UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.imagery import chip_archive
from tasks.core.masks.valid_mask_png import encode_valid
from tasks.core.models.known_models import RECORD_TYPE
from tasks.core.polygons.tile_extent import extract
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.tile import Tile
from tasks.prediction import predict
from tasks.services import storage
from tasks.services.endpoints.contract import BATCH, Deployment, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import batch_service, endpoint_service
from tasks.services.endpoints.sagemaker import sagemaker_endpoint
from tasks.services.endpoints.sagemaker.batch import batch_files
from tasks.services.endpoints.sagemaker.batch.batch_transform import BatchTransform
from tasks.services.endpoints.sagemaker.batch.transform_job import Wanted
from tasks.services.endpoints.sagemaker.sagemaker_endpoint import SageMakerEndpoint
from tasks.services.endpoints.teardown.sagemaker_resources import LEASE_TAG, resource_name
from tasks.services.work_directory import cached_files, pruning, tile_files

NAME, SECOND = resource_name(RUN, 1), resource_name(RUN, 2)
SIZE_PX = 96
WORK = "s3://batches/tiles"


@pytest.fixture(autouse=True)
def new_process(cloud: Cloud) -> Iterator[None]:
    """What earlier tests held is forgotten, as in a process that has just started; a bucket is there to work in."""
    cloud.sandbox.settings(creating_seconds=0.1, deleting_seconds=0.1)
    cloud.sandbox.create_bucket("batches")
    batch_files._answers.cache_clear()  # AWS gives a job's name once, and an emptied sandbox again
    with as_new_process():
        yield


def batch_spec(**changes: Any) -> EndpointSpec:
    return spec(**{"kind": BATCH, "work_directory": WORK, **changes})


def lake(seed: int) -> bytes:
    """An NRG JPEG of land with a dark lake, another for each seed."""
    generator = np.random.default_rng(seed)
    image = generator.integers(120, 200, (SIZE_PX, SIZE_PX, 3)).astype(np.uint8)
    x, y = (int(one) for one in generator.integers(30, 66, 2))
    cv2.circle(image, (x, y), 18 + seed % 7, (40, 30, 8), -1)
    return bytes(cv2.imencode(".jpg", image)[1].tobytes())


def prepared(*seeds: int, chips: tuple[int, int] | None = None, work: str = WORK, **changes: Any) -> list[TileJob]:
    """Jobs of tiles whose JPEGs, or archives of chips, are in the work directory with their record."""
    tiles = [
        Tile(f"{seed}.jp2", f"/frames/{seed}.jp2", 1, f"{seed:064x}", grid=_grid(number))
        for number, seed in enumerate(seeds)
    ]
    jobs = planned(tiles, width_px=SIZE_PX, work_directory=work, chips=chips, **changes)
    for job, seed in zip(jobs, seeds, strict=True):
        images = [_cut(lake(seed), chip) for chip in job.layout] if chips else [lake(seed)]
        valid = np.ones((SIZE_PX, SIZE_PX), np.bool_)
        files = {job.jpegs_uri: chip_archive.pack(images, len(images)), job.valid_uri: encode_valid(valid)}
        cached_files.keep(job, "prepare", files, histogram=HISTOGRAM)
    return jobs


def _grid(number: int) -> Grid:
    return Grid(SIZE_PX, SIZE_PX, (1.5, 0.0, 300_000.0 + 1.5 * SIZE_PX * number, 0.0, -1.5, 6_600_000.0), "EPSG:7855")


def _cut(jpeg: bytes, chip: Any) -> bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    piece = image[chip.rows.whole, chip.columns.whole]
    return bytes(cv2.imencode(".jpg", piece, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes())


def run_batch(jobs: list[TileJob], **changes: Any) -> tuple[BatchTransform, Deployment]:
    service, said = BatchTransform(batch_spec(**changes)), list[str]()
    service.provide(NAME, jobs, said.append)
    return service, service.deploy(NAME, said.append)


def in_real_time(jobs: list[TileJob], **changes: Any) -> None:
    service = SageMakerEndpoint(spec(**changes))
    deployment = service.deploy(NAME, lambda _: None)
    for job in jobs:
        predict(job, service, deployment)
    service.delete(NAME)
    service.wait_until_gone(NAME, 10)


def outputs(cloud: Cloud) -> list[str]:
    return [uri for uri in _keys(cloud) if uri.endswith(".out")]


def _keys(cloud: Cloud) -> list[str]:
    found = boto3.client("s3", endpoint_url=cloud.sandbox.url).list_objects_v2(Bucket="batches").get("Contents", [])
    return [one["Key"] for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("chips", [None, (64, 16)], ids=["whole tiles", "chips"])
@pytest.mark.parametrize("confidence", [False, True], ids=["labels", "probabilities"])
def test_a_job_gives_what_an_endpoint_gives(cloud: Cloud, chips: tuple[int, int] | None, *, confidence: bool) -> None:
    """Label masks, confidence and polygons of each tile are the same, bit by bit, whichever way they were asked for."""
    jobs = prepared(1, 2, 3, chips=chips, with_confidence=confidence)
    in_real_time(jobs)
    expected = [tile_files.answer(job) for job in jobs]
    for job in jobs:
        storage.delete(job.labels_uri)
    sagemaker_endpoint._forget()
    service, deployment = run_batch(jobs, **({"accept": RECORD_TYPE} if confidence else {}))
    for job in jobs:
        predict(job, service, deployment)
    for job, before in zip(jobs, expected, strict=True):
        after = tile_files.answer(job)
        valid = tile_files.valid_mask(job)
        assert np.array_equal(after.labels, before.labels)
        assert (before.labels == 1).sum() > 500
        assert (after.confidence is None) == (not confidence)
        extents = [extract(one.labels, valid, job.resized, (1, 2), one.confidence) for one in (before, after)]
        assert extents[0].to_bytes() == extents[1].to_bytes()
    assert cloud.sandbox.requests()["CreateTransformJob"] == 1


def test_a_tile_is_not_copied_and_a_chip_once(cloud: Cloud) -> None:
    """The manifest names JPEGs where they lie, each content once; only chips of archives are put beside it."""
    whole = prepared(1, 2, 2)
    BatchTransform(batch_spec()).provide(NAME, whole, lambda _: None)
    folder = f"tiles/batch/{NAME}"
    manifest = json.loads(storage.read_bytes(f"s3://batches/{folder}/manifest.json"))
    assert manifest == [{"prefix": f"{WORK}/"}, *sorted({job.jpegs_uri.removeprefix(f"{WORK}/") for job in whole})]
    assert not [key for key in _keys(cloud) if key.startswith(f"{folder}/in/")]
    chips = prepared(3, chips=(64, 16))
    assert BatchTransform(batch_spec()).provide(NAME, [*whole, *chips], lambda _: None) == 2 + 4
    assert len([key for key in _keys(cloud) if key.startswith(f"{folder}/in/")]) == 4


@pytest.mark.slow
def test_what_is_asked_of_aws(cloud: Cloud) -> None:
    """Whole objects, one a request, in the form wanted, 100 MB at once at most; disk and tags as an endpoint's."""
    cloud.sandbox.add_training_job("keyed", volume_kms_key="key-1")
    _, deployment = run_batch(
        prepared(1, 2), training_job="keyed", instance_count=2, requests_per_instance=64, accept=RECORD_TYPE
    )
    job = cloud.client.describe_transform_job(TransformJobName=NAME)
    assert job["TransformInput"]["ContentType"] == "image/jpeg"
    assert (job["TransformInput"]["SplitType"], job["BatchStrategy"]) == ("None", "SingleRecord")
    assert job["TransformOutput"]["Accept"] == RECORD_TYPE
    assert (job["MaxPayloadInMB"], job["MaxConcurrentTransforms"]) == (1, 64)
    assert job["TransformResources"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "VolumeKmsKeyId": "key-1",
    }
    tags = cloud.tags("transforms", NAME)
    assert tags.pop(LEASE_TAG)
    assert tags == {key: value for key, value in tags_for(RUN, owner=None).items() if key != LEASE_TAG}
    facts = deployment.facts
    assert (facts["images"], facts["images_answered"], facts["instance_count"]) == (2, 2, 2)
    assert facts["minutes_billed"] >= 0


@pytest.mark.parametrize(
    ("largest", "at_once", "payload"), [(1, 64, 1), (1_000_001, 50, 2), (30_000_000, 3, 30), (99_999_999, 1, 100)]
)
def test_what_an_instance_is_sent_at_once_stays_below_awss_limit(largest: int, at_once: int, payload: int) -> None:
    """The largest image decides: concurrency times payload may not exceed 100 MB, and is refused otherwise."""
    request = Wanted("s3://b/m", "s3://b/o", largest).request(batch_spec(requests_per_instance=64), "ml.c5.xlarge")
    assert (request["MaxConcurrentTransforms"], request["MaxPayloadInMB"]) == (at_once, payload)


def test_an_image_that_is_too_large_is_refused_before_anything_is_created() -> None:
    """100 MB are AWS's limit of one image."""
    with pytest.raises(EndpointRefused, match="choose a smaller width"):
        Wanted("s3://b/m", "s3://b/o", 100_000_001).request(batch_spec(), "ml.c5.xlarge")


@pytest.mark.slow
def test_where_aws_takes_no_key_for_the_instance_it_is_left_out(cloud: Cloud) -> None:
    """Instances with a disk of their own encrypt it themselves, and a transform job of theirs takes no key."""
    cloud.sandbox.add_training_job("keyed", volume_kms_key="key-1")
    cloud.sandbox.fault("CreateTransformJob", "key-refused", times=None)
    run_batch(prepared(1), training_job="keyed")
    assert "VolumeKmsKeyId" not in cloud.client.describe_transform_job(TransformJobName=NAME)["TransformResources"]


def test_images_without_an_answer_fail_alone_with_awss_reason(cloud: Cloud) -> None:
    """AWS calls the job Failed and keeps the other answers: these are used, and the rest says why it has none."""
    jobs = prepared(1, 2, 3)
    cloud.sandbox.fault("CreateTransformJob", "records-fail", calls=1)
    service, deployment = run_batch(jobs)
    assert (deployment.facts["images"], deployment.facts["images_answered"]) == (3, 2)
    refused = []
    for job in jobs:
        try:
            predict(job, service, deployment)
        except EndpointRefused as error:
            refused.append(str(error))
    assert len(refused) == 1
    assert "See job logs for more information" in refused[0]
    assert f"/aws/sagemaker/TransformJobs, streams {NAME}/" in refused[0]


@pytest.mark.slow
def test_a_job_that_answers_nothing_is_no_deployment(cloud: Cloud) -> None:
    """Its reason is that of the run."""
    cloud.sandbox.fault("CreateTransformJob", "records-fail", calls=2)
    with pytest.raises(EndpointRefused, match="has answered no image: ClientError: See job logs"):
        run_batch(prepared(1, 2))


@pytest.mark.slow
def test_a_short_type_gives_way_to_the_next(cloud: Cloud) -> None:
    """AWS had no instance of the first: the second is tried, under the next name, and the first model is gone."""
    cloud.sandbox.fault("CreateTransformJob", "capacity")
    service, deployment = run_batch(prepared(1))
    assert (deployment.name, deployment.facts["instance_type"]) == (SECOND, "ml.m5.xlarge")
    assert cloud.left()["models"] == [SECOND]
    assert service.delete(NAME) == ()
    assert cloud.left() == NOTHING


@pytest.mark.slow
def test_when_all_types_are_short_it_may_be_tried_later(cloud: Cloud) -> None:
    """The types that were tried are named; nothing stays behind."""
    cloud.sandbox.fault("CreateTransformJob", "capacity", times=None)
    with pytest.raises(EndpointUnavailable, match=r"no capacity just now for ml\.c5\.xlarge or ml\.m5\.xlarge"):
        run_batch(prepared(1))
    assert BatchTransform(batch_spec()).delete(NAME) == ()
    assert cloud.left() == NOTHING


@pytest.mark.slow
def test_a_quota_is_final(cloud: Cloud) -> None:
    """Waiting does not help: AWS's words, which name the quota of transform jobs."""
    cloud.sandbox.fault("CreateTransformJob", "resource-limit", times=None)
    with pytest.raises(EndpointRefused, match=r"for transform job usage.*Ask for a higher quota"):
        run_batch(prepared(1))


@pytest.mark.slow
@pytest.mark.parametrize("error", ["after-effect-500", "stale"])
def test_a_creation_whose_answer_is_lost_or_that_is_not_seen_yet_is_gone_on_with(cloud: Cloud, error: str) -> None:
    """It is the same job, not a second one."""
    cloud.sandbox.fault("CreateTransformJob", error, calls=2)
    _, deployment = run_batch(prepared(1))
    assert deployment.name == NAME
    assert list(cloud.sandbox.resources().transforms) == [NAME]


@pytest.mark.slow
def test_the_next_attempt_of_a_run_has_another_name(cloud: Cloud) -> None:
    """AWS keeps a job's name for good: a run that is started again must not collide with itself."""
    jobs = prepared(1)
    run_batch(jobs)
    BatchTransform(batch_spec()).delete(NAME)
    sagemaker_endpoint._forget()
    _, deployment = run_batch(jobs)
    assert deployment.name == SECOND
    assert {one["status"] for one in cloud.sandbox.resources().transforms.values()} == {"Completed"}


@pytest.mark.slow
def test_a_job_at_work_is_stopped_and_its_model_deleted(cloud: Cloud) -> None:
    """Whoever tears the run down meanwhile ends the wait, the job and the model, and can repeat it."""
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    jobs, service = prepared(1), BatchTransform(batch_spec())
    service.provide(NAME, jobs, lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(service.deploy, NAME, lambda _: None)
        cloud.wait_until(lambda: bool(cloud.sandbox.resources().transforms))
        assert service.delete(NAME) == ()
        with pytest.raises(EndpointRefused, match="being torn down"):
            deploying.result(20)
    assert service.wait_until_gone(NAME, 20) == ()
    assert cloud.sandbox.resources().transforms[NAME]["status"] == "Stopped"
    assert (service.delete(NAME), cloud.left()) == ((), NOTHING)
    assert not outputs(cloud)


@pytest.mark.slow
def test_a_job_that_somebody_stops_ends_the_run(cloud: Cloud) -> None:
    """AWS keeps no answers of it, and says so."""
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    service = BatchTransform(batch_spec())
    service.provide(NAME, prepared(1), lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(service.deploy, NAME, lambda _: None)
        cloud.wait_until(lambda: bool(cloud.sandbox.resources().transforms))
        cloud.client.stop_transform_job(TransformJobName=NAME)
        with pytest.raises(EndpointRefused, match="was stopped"):
            deploying.result(20)
    service.delete(NAME)


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_given_up(cloud: Cloud) -> None:
    """The cap of an endpoint's age is that of a job."""
    cloud.sandbox.fault("CreateTransformJob", "stays-creating")
    with pytest.raises(EndpointRefused, match="`max_endpoint_minutes`"):
        run_batch(prepared(1), max_minutes=0.01)
    assert BatchTransform(batch_spec()).delete(NAME) == ()


def test_all_images_must_be_there_first() -> None:
    """Without inputs nothing is created."""
    service = BatchTransform(batch_spec())
    with pytest.raises(EndpointRefused, match="no list of images"):
        service.deploy(NAME, lambda _: None)
    with pytest.raises(EndpointRefused, match="no tile has an image"):
        service.provide(NAME, [], lambda _: None)


@pytest.mark.slow
def test_a_tile_whose_image_is_gone_is_left_to_its_stage(cloud: Cloud) -> None:
    """A manifest that names an object which is not there would fail the whole job."""
    jobs = prepared(1, 2)
    storage.delete(jobs[0].jpegs_uri)
    service, deployment = run_batch(jobs)
    assert deployment.facts["images"] == 1
    predict(jobs[1], service, deployment)
    assert cloud.sandbox.resources().transforms[NAME]["status"] == "Completed"


def test_a_folder_on_this_machine_is_refused(tmp_path: Any) -> None:
    """SageMaker reads S3 alone; the parameter is named."""
    with pytest.raises(UnusableArgument, match="`work_directory` on s3://"):
        batch_service(batch_spec(work_directory=str(tmp_path))).provide(NAME, [], lambda _: None)


@pytest.mark.usefixtures("cloud")
def test_who_asks_needs_the_deployment_alone() -> None:
    """Workers on other machines know the kind and the index of answers, and nothing else."""
    jobs = prepared(1)
    _, deployment = run_batch(jobs)
    told = Deployment.from_dict(json.loads(json.dumps(deployment.to_dict())))
    service = endpoint_service(EndpointSpec(told.kind))
    predict(jobs[0], service, told)
    with pytest.raises(EndpointRefused, match="not among its inputs"):
        service.invoke(told, lake(99))
    with pytest.raises(EndpointRefused, match="Leave out `calibration`"):
        service.invoke(told, lake(1), "nir=70")
    with pytest.raises(EndpointRefused, match="asked for image/png"):
        service.invoke(told, lake(1), "", RECORD_TYPE)
    with pytest.raises(EndpointRefused, match="are gone"):
        service.invoke(replace(told, url=f"{told.url}x"), lake(1))


@pytest.mark.slow
def test_clearing_leaves_the_cache(cloud: Cloud) -> None:
    """Inputs, outputs and indexes go; label masks and JPEGs of tiles are no business of it."""
    jobs = prepared(1, 2, chips=(64, 16))
    service, deployment = run_batch(jobs)
    for job in jobs:
        predict(job, service, deployment)
    ours = re.compile(f"tiles/batch/{pruning.PARTS['batch']}")
    assert all(ours.fullmatch(key) for key in _keys(cloud) if "/batch/" in key)  # and ``clean`` prunes them
    assert service.clear(NAME) == 4 * 2 * 2 + 3
    assert not [key for key in _keys(cloud) if "/batch/" in key]
    assert all(tile_files.answer(job).labels.any() for job in jobs)


@pytest.mark.slow
def test_whoever_deletes_needs_the_kind_alone(cloud: Cloud) -> None:
    """A hook in another process knows the kind and the run."""
    jobs = prepared(1)
    run_batch(jobs)
    sagemaker_endpoint._forget()
    assert endpoint_service(EndpointSpec(BATCH)).delete(NAME) == ()
    assert cloud.left() == NOTHING
