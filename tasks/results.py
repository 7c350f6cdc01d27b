"""Where tile tasks remember their answers on this machine, and what of it may be read back."""

from typing import Annotated, Any

from prefect.exceptions import MissingContextError
from prefect.filesystems import WritableFileSystem
from prefect.logging import get_run_logger
from prefect.serializers import JSONSerializer
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

from tasks.services import storage

# Prefect's default JSON decoder, like pickle, imports and calls what the file names; plain JSON does not.
PLAIN_JSON = JSONSerializer(object_decoder=None)
PLAIN_SETTINGS = PLAIN_JSON.model_dump()
# A tile's warnings are the longest that a record holds.
LARGEST_RECORD_BYTES = 1 << 18


class TileResult(BaseModel):
    """What a tile's task returns, and a later run takes into its own record."""

    model_config = ConfigDict(strict=True)

    seconds: Annotated[FiniteFloat, Field(ge=0)]
    warnings: list[str] = []
    flood_px: NonNegativeInt = 0
    removed_px: NonNegativeInt = 0


class _Metadata(BaseModel):
    """What Prefect notes with a result, as far as reading it depends on it."""

    storage_key: str
    serializer: dict[str, Any]
    expiration: None = None
    storage_block_id: None = None


class _Record(BaseModel):
    """A result file of Prefect: the result is JSON within the JSON."""

    model_config = ConfigDict(strict=True)

    metadata: _Metadata
    result: str


class WorkResults(WritableFileSystem):
    """Task results in a folder of the work directory.

    A result file names the serializer to read it with, and some of them execute what the file says. So a file that
    names any but ours, or is of another shape, is not read at all: the task runs again.
    """

    _block_type_name = "Flood extent work directory"

    folder: str

    def _resolve_path(self, path: str) -> None:
        """Keys stay as they are: Prefect would otherwise take them for paths below the current folder."""

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override] # tasks here are synchronous
        """The result record stored under a key."""
        uri = storage.join(self.folder, path)
        return checked_record(storage.read_range(uri, 0, LARGEST_RECORD_BYTES + 1), path, uri)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]
        """Store a result record."""
        storage.write_bytes(storage.join(self.folder, path), content)


def checked_record(content: bytes, key: str, uri: str) -> bytes:
    """``content`` as it is, if it is the plain JSON result record of a tile's task, stored under its own key.

    Raises:
        ValueError: It is something else; the run's log has it, for Prefect passes such errors over.
    """
    try:
        _check(content, key)
    except ValueError as error:
        _warn(f"{uri}: not the result that its name promises ({error}); it is computed again")
        raise
    return content


def _check(content: bytes, key: str) -> None:
    if len(content) > LARGEST_RECORD_BYTES:
        raise ValueError(f"more than {LARGEST_RECORD_BYTES} bytes")
    try:
        record = _Record.model_validate_json(content)
    except ValueError as error:
        raise ValueError("of another shape") from error
    if record.metadata.serializer != PLAIN_SETTINGS:
        raise ValueError("not plain JSON")
    if record.metadata.storage_key != key:
        raise ValueError("of another tile or stage")
    try:
        TileResult.model_validate_json(record.result)
    except ValueError as error:
        raise ValueError("of another shape") from error


def _warn(words: str) -> None:
    try:
        get_run_logger().warning(words)
    except MissingContextError:
        return  # read outside a run, which keeps a log
