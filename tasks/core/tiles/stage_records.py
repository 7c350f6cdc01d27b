"""The record of a stage: which files are its answer for a tile, each by size and SHA-256, and its warnings.

It has the same key as the files, and is written after them. What a file under a key really holds is known by it alone:
a name can be given to any file.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

# A tile's warnings are the longest that a record holds.
LARGEST_RECORD_BYTES = 1 << 18

Levels = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=256, max_length=256)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class FileHash(NamedTuple):
    """A file by its content: a tuple, for a run holds two a tile.

    Attributes:
        size_bytes: Its length.
        sha256: Of all of it, in hexadecimal digits.
    """

    size_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The hash of a content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


class StageRecord(BaseModel):
    """What a stage has answered for a tile.

    Attributes:
        version: Of this form of record; 1 had no warnings, 2 no histogram.
        stage: ``prepare``, ``predict`` or ``extract``.
        key: Content key of the stage, which the files are named by.
        tile_content: Content hash of the image that the answer is for.
        files: By name.
        warnings: What a person should know of the tile.
        histogram: Of ``prepare``, what the tile adds to the dataset's calibration: (2, 256) pixels by level.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1, 2, 3] = 3
    stage: Literal["prepare", "predict", "extract"]
    key: Sha256
    tile_content: str
    files: Mapping[str, FileHash]
    warnings: tuple[str, ...] = ()
    histogram: tuple[Levels, Levels] | None = None

    def to_bytes(self) -> bytes:
        """JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Rebuild from ``to_bytes``.

        Raises:
            ValueError: It is something else.
        """
        if len(content) > LARGEST_RECORD_BYTES:
            raise ValueError(f"more than {LARGEST_RECORD_BYTES} bytes")
        return cls.model_validate_json(content)
