"""What metadata describe, in ISO 19115's word a resource: the product's edition, layers and files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tasks.core.metadata.file_kinds import is_main
from tasks.core.metadata.footprint import Footprint, footprint
from tasks.core.product.edition import Edition, Source
from tasks.core.product.layer import Layer


@dataclass(frozen=True, slots=True)
class ProductFile:
    """A file of the product.

    Attributes:
        path: Below the product's folder, with slashes.
        sha256: Of its bytes, in hex.
        size: Bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A product that is described.

    Attributes:
        edition: Whose product it is, of what.
        layers: Its layers.
        files: Its files, by path.
        versions: Of what made it, by software.
        place: Its footprint; None where nothing was observed.
    """

    edition: Edition
    layers: Sequence[Layer]
    files: Sequence[ProductFile]
    versions: dict[str, str]
    place: Footprint | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", footprint(self.layers))

    @property
    def frames(self) -> list[Source]:
        """The frames that it was made of: those with an answer."""
        return [source for source in self.edition.sources if source.state == "done"]

    @property
    def main_files(self) -> list[ProductFile]:
        """Those that a catalogue names, by path."""
        return sorted((file for file in self.files if is_main(file.path)), key=lambda file: file.path)

    @property
    def crss(self) -> list[str]:
        """The CRSs of its layers, without the suffix of their names in the order in which they come."""
        return list(dict.fromkeys(layer.crs for layer in self.layers if layer.crs))

    @property
    def finest_gsd_m(self) -> float | None:
        """Of its frames, metres; None where no frame's is known."""
        return min((frame.gsd_m for frame in self.frames if frame.gsd_m is not None), default=None)


def files_below(folder: Path) -> list[ProductFile]:
    """The files of a product's folder, hashed, by path."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return [ProductFile(name, _sha256(path), path.stat().st_size) for name, path in sorted(paths.items())]


def spdx_id(licence: str | None) -> str | None:
    """The identifier of a licence that SPDX lists, in its spelling; None of an expression, of words and of None."""
    try:
        expression = str(canonicalize_license_expression(licence or ""))
    except InvalidLicenseExpression:
        return None
    return expression if expression and " " not in expression else None


def spdx_page(identifier: str) -> str:
    """Where SPDX keeps the text of a licence."""
    return f"https://spdx.org/licenses/{identifier}.html"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
