"""The whole flow with everything in S3: frames, work, log and product."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from command_line import CommandLine, Scene


@pytest.fixture
def bucket(s3_bucket: str) -> Any:
    """A fresh bucket of the simulated S3, which the environment of all commands points at."""
    return boto3.resource("s3").Bucket(s3_bucket.removeprefix("s3://"))


def upload(folder: Path, bucket: Any, prefix: str) -> None:
    for path in sorted(folder.iterdir()):
        bucket.upload_file(str(path), f"{prefix}/{path.name}")


def record(bucket: Any, product: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bucket.Object(f"{product}/run.json").get()["Body"].read())
    return found


@pytest.mark.slow
def test_a_run_from_s3_to_s3(command: CommandLine, scene: Scene, bucket: Any) -> None:
    """Frames, work, log and product may all be in S3; a second run finds its answers there; the extent is the same."""
    upload(scene.dataset, bucket, "flights/Überflutung 2026")
    where = f"s3://{bucket.name}"
    places = ["--output", f"{where}/maps", "--work-directory", f"{where}/work"]
    run = ["run", f"{where}/flights/Überflutung 2026", *places, "--log-storage-directory", f"{where}/logs"]
    status, said = command(*run)
    assert status == 0, said
    first = record(bucket, "maps/Überflutung 2026")
    keys = {item.key for item in bucket.objects.all()}
    assert "maps/Überflutung 2026/flood_extent.gpkg" in keys
    assert any(key.startswith("logs/flood_extent_") for key in keys)
    assert not any(key.startswith("work/scratch/") for key in keys)
    assert not [path.name for path in command.folder.iterdir() if path.name != "home"]
    assert command(*run)[0] == 0
    second = record(bucket, "maps/Überflutung 2026")
    assert [tile["cached"] for tile in second["tiles"]] == [["prepare", "predict", "extract"]] * 6
    status, said = command("score", f"{where}/maps/Überflutung 2026", scene.truth)
    assert status == 0, said
    assert float(said.split()[1]) >= 0.95
    assert command("run", scene.dataset)[0] == 0
    assert first["content_hash"] == second["content_hash"] == command.record()["content_hash"]


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_refused(command: CommandLine) -> None:
    """A wrong bucket is named in one line."""
    status, said = command("run", "s3://no-such-bucket/frames")
    assert status == 64, said
    assert "no-such-bucket" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_list_may_name_several_buckets(command: CommandLine, scene: Scene, bucket: Any) -> None:
    """Of buckets that the operator allows, however frames are called; what is missing or not allowed costs itself."""
    second = boto3.resource("s3").create_bucket(Bucket=f"other-{uuid4().hex}")
    frames, awkward = sorted(scene.dataset.iterdir()), "deep/[1] *?#%20 plus+&=.JP2"
    bucket.upload_file(str(frames[0]), f"a/{awkward}")
    second.upload_file(str(frames[1]), "a/1.jp2")
    wanted = [f"{bucket.name}/a/{awkward}", f"{second.name}/a/1.jp2", f"{second.name}/gone.jp2", "no-bucket-here/x.jp2"]
    bucket.Object("lists/two.txt").put(Body="\n".join(f"s3://{name}" for name in wanted).encode())
    output = f"s3://{bucket.name}/maps"
    allowed = {"FLOOD_EXTENT_LIST_BUCKETS": f"{second.name}, elsewhere"}
    status, said = command("run", f"s3://{bucket.name}/lists/two.txt", "--output", output, **allowed)
    assert status == 2, said
    assert "gone.jp2: does not exist" in said
    assert "own bucket alone" in said
    found = record(bucket, "maps/two")
    assert [(tile["state"], tile["tile"].rpartition("/")[2]) for tile in found["tiles"]] == [
        ("done", "[1] *?#%20 plus+&=.JP2"),
        ("failed", "x.jp2"),
        ("done", "1.jp2"),
        ("failed", "gone.jp2"),
    ]
    keys = {item.key for item in bucket.objects.filter(Prefix="maps/two/tiles/")}
    assert sum(key.endswith(".shp") for key in keys) == 2
