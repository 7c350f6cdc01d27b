"""Seals: by which ``run.json`` and the zip of a product show whether somebody has changed them.

``run.json`` lists the hashes of all other files; these two cannot be listed in themselves or in each other. So each
carries the SHA-256 of its own bytes, as they are with the seal left blank.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

DIGITS = 64
RECORD_SEAL = "record_hash"
BLANK = "0" * DIGITS
RECORD_END = re.compile(rb'("%s": ")([0-9a-f]{%d})("\n}\n)\Z' % (RECORD_SEAL.encode(), DIGITS))
ZIP_WORDS = b"flood-extent, SHA-256 without this comment: "
COMMENT_BYTES = len(ZIP_WORDS) + DIGITS
# A zip ends with the length of its comment and the comment (APPNOTE.TXT of PKWARE, 4.3.16).
LENGTH_BYTES = 2


def seal_record(json_bytes: bytes) -> bytes:
    """A record whose last key is ``record_hash`` with 64 zeros, with the hash there."""
    digest = hashlib.sha256(json_bytes).hexdigest().encode()
    return RECORD_END.sub(lambda end: end[1] + digest + end[3], json_bytes)


def is_sealed_record(json_bytes: bytes) -> bool:
    """Whether a ``run.json`` is as a run has written it."""
    end = RECORD_END.search(json_bytes)
    if end is None:
        return False
    blank = json_bytes[: end.start(2)] + BLANK.encode() + json_bytes[end.end(2) :]
    return hashlib.sha256(blank).hexdigest().encode() == end[2]


def seal_zip(path: Path) -> None:
    """Give a zip without a comment its seal as comment."""
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest().encode()
        file.seek(-LENGTH_BYTES, 2)
        file.write(COMMENT_BYTES.to_bytes(LENGTH_BYTES, "little") + ZIP_WORDS + digest)


def is_sealed_zip(chunks: Iterable[bytes]) -> bool:
    """Whether a zip, given piece by piece, is as a run has packed it."""
    digest, tail = hashlib.sha256(), b""
    for chunk in chunks:
        tail += chunk
        body, tail = tail[: -LENGTH_BYTES - COMMENT_BYTES], tail[-LENGTH_BYTES - COMMENT_BYTES :]
        digest.update(body)
    digest.update(bytes(LENGTH_BYTES))
    return tail == COMMENT_BYTES.to_bytes(LENGTH_BYTES, "little") + ZIP_WORDS + digest.hexdigest().encode()
