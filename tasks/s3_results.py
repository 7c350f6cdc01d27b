"""Where tile tasks remember their answers in S3: a prefect-aws bucket block (extra ``aws``).

Imported only where the work directory is in S3: prefect-aws takes a third of a second, and local runs need none of it.
"""

import os
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import boto3
from botocore.config import Config
from prefect.utilities.asyncutils import run_sync_in_worker_thread
from prefect_aws.s3 import S3Bucket

from tasks.results import LARGEST_RECORD_BYTES, checked_record
from tasks.services import s3_store, storage
from tasks.services.objects import S3_SCHEME, join
from tasks.services.s3_refusals import REQUESTER, requester_pays

WRITES = ("PutObject", "CreateMultipartUpload")


class S3Results(S3Bucket):
    """Task results in a folder of a bucket: plain JSON alone is read back, as from ``WorkResults``.

    Credentials, region, endpoint and encryption are those of the process (``tasks.aws_access``); the block's own
    ``credentials`` stay empty.
    """

    _block_type_name = "Flood extent work directory in S3"

    @classmethod
    def at(cls, folder: str) -> "S3Results":
        """The results below ``s3://bucket/folder``."""
        bucket, _, prefix = folder.removeprefix(S3_SCHEME).partition("/")
        return cls(bucket_name=bucket, bucket_folder=prefix)

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override] # tasks here are synchronous
        """The result record stored under a key."""
        # Not by the block's own download, which asks for the size first and then takes all of whatever is there.
        content = storage.read_range(self._uri(path), 0, LARGEST_RECORD_BYTES + 1)
        return checked_record(content, path, self._uri(path))

    async def aread_path(self, path: str) -> bytes:
        """As ``read_path``: Prefect prefers this one where it runs asynchronously, and it must check as well."""
        return await run_sync_in_worker_thread(self.read_path, path)

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> str:  # type: ignore[override]
        """Store a result record; its key is returned."""
        with s3_store.translated(self._uri(path), "write"):
            super().write_path(join(self.bucket_folder, path), content, _sync=True)  # type: ignore[call-arg]
        return path

    async def awrite_path(self, path: str, content: bytes) -> str:
        """As ``write_path``."""
        return await run_sync_in_worker_thread(self.write_path, path, content)

    def _uri(self, path: str) -> str:
        return S3_SCHEME + join(self.bucket_name, self.bucket_folder, path)

    def _resolve_path(self, path: str) -> str:
        """Keys stay as they are, in the records too: the same record means the same in any work directory."""
        return path

    def _get_s3_client(self) -> Any:
        # Not the block's own, which prefect-aws keeps for as long as the process lives, whatever the environment says.
        return _connected(os.getpid(), s3_store.settings())


@lru_cache(maxsize=4)
def _connected(_process: int, _settings: s3_store.Settings) -> Any:
    client = boto3.Session().client("s3", config=Config(**s3_store.connecting()))
    more = s3_store.encryption() | ({"RequestPayer": REQUESTER} if requester_pays() else {})
    for operation in WRITES:
        client.meta.events.register(f"provide-client-params.s3.{operation}", partial(_with_more, more))
    return client


def _with_more(more: Mapping[str, str], params: Mapping[str, Any], **_: object) -> dict[str, Any]:
    """What S3 is asked to write, encrypted and paid for as the run wants: prefect-aws has no settings for that."""
    return {**params, **more}
