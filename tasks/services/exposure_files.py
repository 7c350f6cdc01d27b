"""Files of exposure, wherever they lie: in S3 with what belongs to them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.core.arrays import FloatArray
from tasks.core.errors import ObjectMissing, UnusableArgument
from tasks.core.exposure.exposed import Exposed
from tasks.core.exposure.exposed_files import ExposurePlace, check_exposed, exposure_place, read_exposed
from tasks.services import storage
from tasks.services.temp_folders import temp_folder


def check_exposure(values: Sequence[str]) -> None:
    """Refuse files that could not be read when the product is there, before anything is started.

    Args:
        values: ``FILE``, ``FILE|LAYER`` or ``FILE|LAYER|class=COLUMN``, local or in S3.

    Raises:
        UnusableArgument: One is none, cannot be read, has no features or no CRS, or lacks its layer or column.
        StorageUnavailable: S3 does not answer.
    """
    for place in map(_place, values):
        with _at_hand(place) as path:
            check_exposed(path, place)


def read_exposure(values: Sequence[str], product: Sequence[tuple[str, FloatArray]]) -> list[Exposed]:
    """The features of the files that lie near a product.

    Args:
        values: As of ``check_exposure``, whose errors this raises, too.
        product: Where it lies: ``tasks.core.exposure.ground.bounds_of`` of its layers.
    """
    found: list[Exposed] = []
    for place in map(_place, values):
        with _at_hand(place) as path:
            found += read_exposed(path, place, product)
    return found


def _place(value: str) -> ExposurePlace:
    """What was given, its file as a URI. A bar may be part of a file's name."""
    if "|" in value and not storage.is_s3(value) and Path(value).exists():
        return ExposurePlace(storage.resolve(value))
    place = exposure_place(value)
    return ExposurePlace(storage.resolve(place.file), place.layer, place.class_column)


@contextmanager
def _at_hand(place: ExposurePlace) -> Iterator[Path]:
    """A file or folder as a local one; of one in S3, with all that is called like it or lies below it."""
    if not storage.is_s3(place.file):
        yield Path(place.file)
        return
    parts = _below(place.file) if storage.is_folder(place.file) else _beside(place.file)
    with temp_folder("exposure") as folder:
        for name, uri in parts.items():
            storage.fetch(uri, folder / name)
        yield folder / storage.name(place.file)


def _below(folder: str) -> dict[str, str]:
    """URIs of what lies below a prefix, by the paths that they have from the place that holds it."""
    return {f"{storage.name(folder)}/{one.relative_path}": one.uri for one in storage.list_objects(folder)}


def _beside(file: str) -> dict[str, str]:
    """URIs of an object and of those beside it that are called like it but for their endings, by name."""
    try:
        names = {storage.name(one.uri): one.uri for one in storage.siblings(file)}
    except ObjectMissing:
        names = {}
    if storage.name(file) not in names:
        raise UnusableArgument(f"{file}: does not exist. Check the name")
    stem = Path(storage.name(file)).stem
    return {name: uri for name, uri in names.items() if name.startswith(f"{stem}.") or name == storage.name(file)}
