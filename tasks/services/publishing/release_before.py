"""The release that a corrected one follows: its record, its layers as a run wrote them, what is drawn below the map.

An analyst may have edited the GeoPackage of the product itself. Then its layers are those of the zip, which the run has
packed and sealed.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.formats.product_reader import read_product
from tasks.core.overview.quicklook import PICTURE, PLACE, STEM
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import content_hash
from tasks.core.product.sources import SOURCE, sources_in
from tasks.core.reports.run_json import RunRecord
from tasks.services import storage
from tasks.services.temp_folders import temp_folder
from tasks.services.work_directory.run_records import RECORD

RASTERS = "rasters/"


@dataclass(frozen=True)
class ReleaseBefore:
    """A product that is there.

    Attributes:
        uri: Of its folder.
        folder: Its files, or local copies of them.
        record: Its ``run.json``.
        layers: Of its GeoPackage, as the run or release wrote them.
        edition: What it says of itself.
    """

    uri: str
    folder: Path
    record: RunRecord
    layers: list[Layer]
    edition: Edition


@contextmanager
def release_before(product: str) -> Iterator[ReleaseBefore]:
    """Read a product, local or in S3.

    Raises:
        UnusableArgument: It is none, was made before products had editions, or its GeoPackage was changed and its zip
            does not hold the one that was written.
        StorageUnavailable: S3 does not answer.
    """
    uri = storage.resolve(product)
    if storage.exists(uri):  # one of its files
        uri = storage.parent(uri)
    with _at_hand(uri) as folder:
        record = _record(folder, uri)
        with _layers(folder, record, uri) as layers:
            yield ReleaseBefore(uri, folder, record, layers, _edition(record, layers, uri))


@contextmanager
def _at_hand(uri: str) -> Iterator[Path]:
    if not storage.is_s3(uri):
        yield Path(uri)
        return
    name = storage.name(uri)
    with temp_folder("release") as folder:
        for info in storage.list_objects(uri):
            if info.relative_path in {RECORD, GEOPACKAGE, f"{STEM}{PICTURE}", f"{STEM}{PLACE}", f"{name}.zip"} or (
                info.relative_path.startswith(RASTERS)
            ):
                storage.fetch(info.uri, folder / name / info.relative_path)
        yield folder / name


def _record(folder: Path, uri: str) -> RunRecord:
    try:
        record: Any = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableArgument(f"{uri}: is no product of ours ({RECORD}: {error}). Give a product's folder") from error
    if not isinstance(record, dict) or not record.get("edition") or not record.get("content_hash"):
        raise UnusableArgument(f"{uri}: its {RECORD} says nothing of a release. Map the dataset again, then edit that")
    return cast("RunRecord", record)


@contextmanager
def _layers(folder: Path, record: RunRecord, uri: str) -> Iterator[list[Layer]]:
    layers = read_product(folder / GEOPACKAGE)
    if content_hash(layers) == record["content_hash"]:
        yield layers
        return
    with temp_folder("release") as scratch:
        try:
            with zipfile.ZipFile(folder / f"{storage.name(uri)}.zip") as packed:
                packed.extract(GEOPACKAGE, scratch)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UnusableArgument(f"{uri}: {_changed()}, and its zip cannot be read ({error})") from error
        layers = read_product(scratch / GEOPACKAGE)
        if content_hash(layers) != record["content_hash"]:
            raise UnusableArgument(f"{uri}: {_changed()}, and so was its zip. Copy the product again, and edit a copy")
        yield layers


def _changed() -> str:
    return f"the extent in its {GEOPACKAGE} was changed since it was written"


def _edition(record: RunRecord, layers: list[Layer], uri: str) -> Edition:
    try:
        (table,) = (layer for layer in layers if layer.base == SOURCE)
        facts = {"sources": sources_in(table), "dataset": record["dataset"], "run_id": record["flow_run_id"]}
        known = {"model_id": record["model_identity"], "made": record["started"]}
        return Edition.from_dict({**(record["edition"] or {}), **facts, **known})
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise UnusableArgument(f"{uri}: its {RECORD} or its table {SOURCE} were changed ({error})") from error
