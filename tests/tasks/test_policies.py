"""Results in the work directory: only plain JSON is ever read back."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from prefect.results import ResultRecord, ResultRecordMetadata
from prefect.serializers import JSONSerializer, PickleSerializer, Serializer
from prefect.states import Failed

from tasks.core.errors import CutShort, EndpointUnavailable, TransientError
from tasks.policies import PLAIN_JSON, WorkResults, by_content, is_transient


class Touch:
    """Unpickling this creates a file: what a hostile result would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def record(result: Any, serializer: Serializer) -> bytes:
    metadata = ResultRecordMetadata(storage_key="k", serializer=serializer)
    return ResultRecord(metadata=metadata, result=result).serialize()


def test_a_result_comes_back(tmp_path: Path) -> None:
    """What a task returned is what a later run reads."""
    store = WorkResults(folder=str(tmp_path))
    store.write_path("predict-1", record({"seconds": 1.5}, PLAIN_JSON))
    assert ResultRecord.deserialize(store.read_path("predict-1")).result == {"seconds": 1.5}


def test_a_pickled_result_is_not_read(tmp_path: Path) -> None:
    """A result file that names pickle would run code when it is read: it is refused before that."""
    store, touched = WorkResults(folder=str(tmp_path)), tmp_path / "touched"
    hostile = record(Touch(touched), PickleSerializer(picklelib="pickle"))
    with pytest.raises(ValueError, match="not plain JSON"):
        ResultRecord.deserialize(WorkResults(folder=str(tmp_path)).read_path(_stored(store, hostile)))
    assert not touched.exists()
    assert pickle.dumps(Touch(touched))  # the file above did hold something that unpickling would have run


def _stored(store: WorkResults, content: bytes) -> str:
    store.write_path("predict-2", content)
    return "predict-2"


@pytest.mark.parametrize(
    "serializer",
    [
        JSONSerializer(),
        JSONSerializer(object_decoder="os.system"),
        JSONSerializer(jsonlib="pickle", object_decoder=None),
    ],
)
def test_a_result_that_names_another_decoder_is_not_read(tmp_path: Path, serializer: Serializer) -> None:
    """JSON too runs code where the record names a decoder or another library."""
    store = WorkResults(folder=str(tmp_path))
    content = json.loads(record({"x": 1}, PLAIN_JSON))
    content["metadata"]["serializer"] = serializer.model_dump()
    hostile = json.dumps(content).encode()
    with pytest.raises(ValueError, match="not plain JSON"):
        store.read_path(_stored(store, hostile))


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
