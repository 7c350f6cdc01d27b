"""``SHA256SUMS``: the hashes of a product's files, as coreutils' ``sha256sum --check`` reads them."""

from collections.abc import Mapping

SUMS = "SHA256SUMS"
# As sha256sum writes such names; the line then begins with a backslash (coreutils manual, "cksum output modes").
ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def sums(files: Mapping[str, str]) -> bytes:
    """The lines, sorted by name.

    Args:
        files: SHA-256 in hex by path below the product's folder; names that are no text hold surrogates, as Python
            gives them.
    """
    lines = [_line(name, digest) for name, digest in files.items()]
    return b"".join(line for _, line in sorted(lines))


def _line(name: str, digest: str) -> tuple[bytes, bytes]:
    escaped = name.translate(ESCAPES)
    mark = "" if escaped == name else "\\"
    return _encoded(name), _encoded(f"{mark}{digest}  {escaped}\n")


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
