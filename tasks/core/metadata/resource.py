"""What metadata describe, in ISO 19115's word a resource: the product's edition, layers and files."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tasks.core.metadata.file_kinds import geodatabase_of, is_main
from tasks.core.metadata.footprint import Footprint, footprint
from tasks.core.metadata.hazards import countries_of
from tasks.core.product.edition import Edition, Source
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import content_hash
from tasks.core.reports.run_json import Totals, totals
from tasks.core.text import safe_text

PUBLISHED = re.compile(r"(?:s3|https?)://")


@dataclass(frozen=True, slots=True)
class ProductFile:
    """A file of the product.

    Attributes:
        path: Below the product's folder, with slashes.
        sha256: Of its bytes, in hex; None of a folder.
        size: Bytes.
    """

    path: str
    sha256: str | None
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
        areas: What of it is flooded, was observed, was not assessed.
        content_hash: Of its extent.
        countries: Of its event, ISO 3166-1 alpha-3; none where they are not known.
    """

    edition: Edition
    layers: Sequence[Layer]
    files: Sequence[ProductFile]
    versions: Mapping[str, str]
    place: Footprint | None
    areas: Totals
    content_hash: str
    countries: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        edition: Edition,
        layers: Sequence[Layer],
        files: Sequence[ProductFile],
        versions: Mapping[str, str],
        countries: Sequence[str] = (),
    ) -> Self:
        """Measure the layers of a product, and see which countries its event names where none are given.

        Raises:
            UnusableArgument: A country is not a code of three capitals.
        """
        known = countries_of(edition.event, countries)
        return cls(edition, layers, files, versions, footprint(layers), totals(layers), content_hash(layers), known)

    @property
    def frames(self) -> list[Source]:
        """The frames that it was made of: those with an answer."""
        return [source for source in self.edition.sources if source.state == "done"]

    @property
    def main_files(self) -> list[ProductFile]:
        """Those that a catalogue names, by path; a geodatabase, which is a folder, as one without a hash."""
        sizes: Counter[str] = Counter()
        listed = []
        for file in self.files:
            geodatabase = geodatabase_of(file.path)
            if geodatabase is not None:
                sizes[geodatabase] += file.size
            elif is_main(file.path):
                listed.append(file)
        folders = [ProductFile(path, None, size) for path, size in sizes.items()]
        return sorted([*listed, *folders], key=lambda file: file.path)

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
    return [file_at(path, name) for name, path in sorted(paths.items())]


def file_at(path: Path, name: str) -> ProductFile:
    """A file of a product, hashed, with its path below the product's folder."""
    with path.open("rb") as file:
        return ProductFile(name, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def published_uri(frame: Source) -> str | None:
    """Where others can reach a frame, without credentials; None of one on a disk, whose folders are its owner's."""
    uri = safe_text(frame.uri)
    return uri if PUBLISHED.match(uri) else None


def spdx_id(licence: str | None) -> str | None:
    """The identifier of a licence that SPDX lists, in its spelling; None of an expression, of words and of None."""
    try:
        expression = str(canonicalize_license_expression(licence or ""))
    except InvalidLicenseExpression:
        return None
    is_listed = expression and " " not in expression and not expression.startswith("LicenseRef-")
    return expression if is_listed else None


def spdx_page(identifier: str) -> str:
    """Where SPDX keeps the text of a licence."""
    return f"https://spdx.org/licenses/{identifier}.html"
