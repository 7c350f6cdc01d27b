"""Where tile tasks remember their answers on this machine, and what of it may be read back."""

import json

from prefect.filesystems import WritableFileSystem
from prefect.serializers import JSONSerializer

from tasks.services import storage

# Prefect's default JSON decoder, like pickle, imports and calls what the file names; plain JSON does not.
PLAIN_JSON = JSONSerializer(object_decoder=None)
PLAIN_SETTINGS = PLAIN_JSON.model_dump()


class WorkResults(WritableFileSystem):
    """Task results in a folder of the work directory.

    A result file names the serializer to read it with, and some of them execute what the file says. So a file that
    names any but ours is not read at all: the task runs again.
    """

    _block_type_name = "Flood extent work directory"

    folder: str

    def _resolve_path(self, path: str) -> None:
        """Keys stay as they are: Prefect would otherwise take them for paths below the current folder."""

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override] # tasks here are synchronous
        """The result record stored under a key."""
        content = storage.read_bytes(storage.join(self.folder, path))
        return checked_record(content, path)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]
        """Store a result record."""
        storage.write_bytes(storage.join(self.folder, path), content)


def checked_record(content: bytes, name: str) -> bytes:
    """``content`` as it is, if it is a plain JSON result record.

    Raises:
        ValueError: It is something else.
    """
    record = json.loads(content)
    if record["metadata"]["serializer"] != PLAIN_SETTINGS:
        raise ValueError(f"the cached result {name} is not plain JSON: it is not read")
    return content
