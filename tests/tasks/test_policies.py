"""Results in the work directory: only plain JSON is ever read back."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT
from prefect import State, Task, flow
from prefect._internal.compatibility.blocks import (
    call_explicitly_async_block_method,
    call_explicitly_sync_block_method,
)
from prefect.futures import wait
from prefect.results import ResultRecord, ResultRecordMetadata
from prefect.serializers import JSONSerializer, PickleSerializer, Serializer
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.core.errors import CutShort, EndpointUnavailable, TransientError, UnusableArgument
from tasks.policies import by_content, is_transient, remembering, results_in, tile_task
from tasks.results import LARGEST_RECORD_BYTES, PLAIN_JSON
from tasks.services import storage


class Touch:
    """Unpickling this creates a file: what a hostile result would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def record(result: Any, serializer: Serializer, key: str = "k") -> bytes:
    metadata = ResultRecordMetadata(storage_key=key, serializer=serializer)
    return ResultRecord(metadata=metadata, result=result).serialize()


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest) -> str:
    """Where a work directory keeps its results: on this machine, and in S3."""
    place = request.getfixturevalue("bucket" if request.param == "s3" else "tmp_path")
    return f"{place}/kept/results"


def read_async(store: Any, key: str) -> bytes:
    """As Prefect reads where it runs asynchronously."""
    read = call_explicitly_async_block_method(store, "read_path", (key,), {})
    return bytes(asyncio.run(read))


def read_sync(store: Any, key: str) -> bytes:
    """As Prefect reads in a synchronous task."""
    return bytes(call_explicitly_sync_block_method(store, "read_path", (key,), {}))


READERS = pytest.mark.parametrize("read", [read_sync, read_async])
Reader = Callable[[Any, str], bytes]


def stored(folder: str, content: bytes) -> Any:
    """The storage, with a record that somebody else has put there under the key k."""
    storage.write_bytes(f"{folder}/k", content)
    return results_in(folder)


@READERS
def test_a_result_comes_back(folder: str, read: Reader) -> None:
    """What a task returned is what a later run reads, and it lies below the work directory under its key."""
    store: Any = results_in(folder)
    store.write_path("predict-1", record({"seconds": 1.5}, PLAIN_JSON, "predict-1"))
    assert ResultRecord.deserialize(read(store, "predict-1")).result == {"seconds": 1.5}
    assert [info.relative_path for info in storage.list_objects(folder)] == ["predict-1"]


@READERS
def test_a_pickled_result_is_not_read(folder: str, tmp_path: Path, read: Reader) -> None:
    """A result file that names pickle would run code when it is read: it is refused before that."""
    touched = tmp_path / "touched"
    hostile = record(Touch(touched), PickleSerializer(picklelib="pickle"))
    with pytest.raises(ValueError, match="not plain JSON"):
        ResultRecord.deserialize(read(stored(folder, hostile), "k"))
    assert not touched.exists()
    assert pickle.dumps(Touch(touched))  # the file above did hold something that unpickling would have run


@READERS
@pytest.mark.parametrize(
    "serializer",
    [
        JSONSerializer(),
        JSONSerializer(object_decoder="os.system"),
        JSONSerializer(jsonlib="pickle", object_decoder=None),
    ],
)
def test_a_result_that_names_another_decoder_is_not_read(folder: str, serializer: Serializer, read: Reader) -> None:
    """JSON too runs code where the record names a decoder or another library."""
    content = json.loads(record({"seconds": 1}, PLAIN_JSON))
    content["metadata"]["serializer"] = serializer.model_dump()
    with pytest.raises(ValueError, match="not plain JSON"):
        read(stored(folder, json.dumps(content).encode()), "k")


@READERS
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"5",
        b"[" * 100_000,
        b'{"metadata": 5, "result": "{}"}',
        record({"seconds": 1.5}, PLAIN_JSON).replace(b'"result"', b'"other"'),
        record({"seconds": 1.5}, PLAIN_JSON, "another-key"),
        record({"seconds": 1.5}, PLAIN_JSON) + b" " * LARGEST_RECORD_BYTES,
        record({}, PLAIN_JSON),
        record([], PLAIN_JSON),
        record({"seconds": "x"}, PLAIN_JSON),
        record({"seconds": -1}, PLAIN_JSON),
        record({"seconds": float("nan")}, PLAIN_JSON),
        record({"seconds": 10**400}, PLAIN_JSON),
        record({"seconds": 1, "warnings": 5}, PLAIN_JSON),
        record({"seconds": 1, "warnings": [5]}, PLAIN_JSON),
        record({"seconds": 1, "flood_px": "many"}, PLAIN_JSON),
    ],
)
def test_a_result_of_another_shape_is_not_read(tmp_path: Path, content: bytes, read: Reader) -> None:
    """What a run could not enter into its own record is refused before it is handed on."""
    with pytest.raises(ValueError, match=r"."):
        read(stored(f"{tmp_path}/kept/results", content), "k")


@pytest.mark.usefixtures("prefect_api")
def test_a_result_of_another_shape_is_computed_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It costs its own tile a second computation, and the run's log names the file."""
    ran: list[str] = []
    states(counting(ran), str(tmp_path))
    forged = tmp_path / "results" / "predict-key-a"
    forged.write_bytes(record({"seconds": "x", "warnings": 5}, PLAIN_JSON, "predict-key-a"))
    again = states(counting(ran), str(tmp_path))
    assert [state.name for state in again] == ["Completed", "Cached"]
    assert f"{forged}: not the result that its name promises" in caplog.text


def test_results_in_s3_are_kept_by_prefect_aws(bucket: str) -> None:
    """The storage of an AWS deployment is the bucket block that Prefect's own integration has."""
    from prefect_aws.s3 import S3Bucket  # noqa: PLC0415 - the module is imported only where S3 is used

    store = results_in(f"{bucket}/deep/kept/results")
    assert isinstance(store, S3Bucket)
    assert (store.bucket_name, store.bucket_folder) == (storage.name(bucket), "deep/kept/results")


def test_a_local_work_directory_needs_no_aws(tmp_path: Path) -> None:
    """The flow and results on this machine import nothing of the extra "aws": it takes time and may not be there."""
    code = f"""if True:
        import sys
        import flows.flood_extent
        from tasks.imagery import prepare_tile
        from tasks.policies import remembering
        remembering(prepare_tile, {str(tmp_path)!r})
        print(*sorted({{"prefect_aws", "sagemaker"}} & set(sys.modules)))
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_s3_results_lack_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core installation names the extra instead of a missing module."""
    monkeypatch.delitem(sys.modules, "tasks.s3_results", raising=False)
    monkeypatch.setitem(sys.modules, "prefect_aws.s3", None)
    with pytest.raises(UnusableArgument, match=r"flood-extent\[aws\]"):
        results_in("s3://bucket/kept/results")


def counting(counted: list[str]) -> Task[Any, dict[str, Any]]:
    """A tile task that notes in the list when it really runs."""

    @tile_task("predict")
    def predict(job: dict[str, Any]) -> dict[str, Any]:
        counted.append(job["name"])
        return {"seconds": 1.5, "of": job["name"]}

    return predict


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2), persist_result=False)
def two_tiles(task: Any, work_directory: str) -> list[State[Any]]:
    """Submit the task for two tiles, as a stage does, and wait."""
    jobs = [{"name": name, "predict_key": f"key-{name}", "tile": {"uri": f"{name}.jp2"}} for name in "ab"]
    futures = [remembering(task, work_directory).submit(job) for job in jobs]
    wait(futures)
    return [future.state for future in futures]


def states(task: Any, work_directory: str) -> list[State[Any]]:
    ended: list[State[Any]] = two_tiles(task, work_directory)
    return ended


@pytest.mark.usefixtures("prefect_api")
def test_a_tiles_result_is_remembered_in_s3(bucket: str) -> None:
    """A second run finds what the first computed, under the stage's own key, and computes nothing."""
    ran: list[str] = []
    first, second = states(counting(ran), f"{bucket}/kept"), states(counting(ran), f"{bucket}/kept")
    assert sorted(ran) == ["a", "b"]
    assert [state.name for state in (*first, *second)] == ["Completed", "Completed", "Cached", "Cached"]
    assert [state.result() for state in first] == [state.result() for state in second]
    assert [info.relative_path for info in storage.list_objects(f"{bucket}/kept/results")] == [
        "predict-key-a",
        "predict-key-b",
    ]


@pytest.mark.usefixtures("prefect_api")
def test_a_hostile_result_in_s3_costs_its_own_tile_a_second_computation(bucket: str, tmp_path: Path) -> None:
    """Where somebody has put a pickle in place of a remembered result, the tile is computed and nothing is executed."""
    ran: list[str] = []
    states(counting(ran), f"{bucket}/kept")
    hostile = record(Touch(tmp_path / "touched"), PickleSerializer(picklelib="pickle"))
    storage.write_bytes(f"{bucket}/kept/results/predict-key-a", hostile)
    again = states(counting(ran), f"{bucket}/kept")
    assert [state.name for state in again] == ["Completed", "Cached"]
    assert sorted(ran) == ["a", "a", "b"]
    assert not (tmp_path / "touched").exists()


def failing(errors: list[Exception]) -> Task[Any, dict[str, Any]]:
    """A tile task that raises these in turn, then answers."""

    @tile_task("predict")
    def predict(job: dict[str, Any]) -> dict[str, Any]:
        if errors and job["name"] == "a":
            raise errors.pop(0)
        return {"seconds": 1.5}

    return predict.with_options(retry_delay_seconds=0)


@pytest.mark.usefixtures("prefect_api")
def test_a_failed_tile_says_what_to_do_and_why(tmp_path: Path) -> None:
    """The red task run's message is for the analyst first; below is the cause; and the failure is not remembered."""
    task = failing([CutShort("a.jp2: cut short. Fetch it again")])
    first, second = states(task, str(tmp_path)), states(task, str(tmp_path))
    assert [(state.type.value, state.message) for state in first] == [
        ("FAILED", "a.jp2: cut short. Fetch it again\n\nTechnical cause: CutShort"),
        ("COMPLETED", None),
    ]
    assert isinstance(first[0].result(raise_on_failure=False), CutShort)
    assert [state.name for state in second] == ["Completed", "Cached"]


@pytest.mark.usefixtures("prefect_api")
def test_a_tile_that_answers_at_last_is_remembered(tmp_path: Path) -> None:
    """What passed is retried, and the answer is kept as if nothing had been."""
    task = failing([EndpointUnavailable("away"), EndpointUnavailable("away")])
    first, second = states(task, str(tmp_path)), states(task, str(tmp_path))
    assert [state.name for state in (*first, *second)] == ["Completed", "Completed", "Cached", "Cached"]


@pytest.mark.parametrize(
    ("error", "helps"),
    [(TransientError("x"), True), (EndpointUnavailable("x"), True), (CutShort("x"), False), (KeyError("x"), False)],
)
def test_only_transient_errors_are_retried(error: Exception, helps: bool) -> None:
    """A cut file stays cut: trying it again only costs time."""
    assert is_transient(None, None, Failed(data=error)) is helps  # type: ignore[arg-type]


def test_the_cache_key_is_the_stages_content_key() -> None:
    """Stages do not share keys, and nothing else of the task's parameters counts."""
    job = {"prepare_key": "abc", "predict_key": "def", "name": "a"}
    key = by_content("predict").compute_key(None, {"job": job, "deployment": {"url": "u"}}, {})  # type: ignore[arg-type]
    assert key == "predict-def"
