"""The record of a stage: which files are its answer for a tile, each by size and SHA-256.

It has the same key as the files, and is written after them. What a file under a key really holds is known by it alone:
a name can be given to any file.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

LARGEST_RECORD_BYTES = 16_384

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class FileHash(BaseModel):
    """A file by its content.

    Attributes:
        size_bytes: Its length.
        sha256: Of all of it, in hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The hash of a content."""
        return cls(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class StageRecord(BaseModel):
    """What a stage has answered for a tile.

    Attributes:
        version: Of this form of record.
        stage: ``prepare``, ``predict`` or ``extract``.
        key: Content key of the stage, which the files are named by.
        tile_content: Content hash of the image that the answer is for.
        files: By name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    stage: Literal["prepare", "predict", "extract"]
    key: Sha256
    tile_content: str
    files: Mapping[str, FileHash]

    def to_bytes(self) -> bytes:
        """JSON."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Rebuild from ``to_bytes``.

        Raises:
            ValueError: It is something else.
        """
        if len(content) > LARGEST_RECORD_BYTES:
            raise ValueError(f"more than {LARGEST_RECORD_BYTES} bytes")
        return cls.model_validate_json(content)
