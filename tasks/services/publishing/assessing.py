"""A product compared with a reference, wherever the two lie, and what was found put where it is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import ObjectMissing, UnusableArgument
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.scoring.score_files import assess, other_date
from tasks.core.scoring.scored_product import Assessment, write_assessment
from tasks.services import storage
from tasks.services.given_files import called, vector_at_hand
from tasks.services.temp_folders import temp_folder


@dataclass(frozen=True)
class Comparison:
    """A product held against a reference.

    Attributes:
        name: Of the product.
        assessment: How they compare.
        warning: A sentence where the two are of different dates; None where they are not, or do not say.
    """

    name: str
    assessment: Assessment
    warning: str | None

    def write(self, folder: Path) -> None:
        """Write layer, picture, table and summary."""
        write_assessment(self.assessment, folder, f"{self.name} against its reference")


def compare(product: str, reference: str) -> Comparison:
    """Compare a product with polygons of the true flood.

    Args:
        product: Its folder or prefix, or one of its files.
        reference: Any vector file that GDAL reads.

    Raises:
        UnusableArgument: One of them cannot be read, is none, or their CRSs differ.
        ObjectMissing: There is no such place in S3.
        StorageUnavailable: S3 does not answer.
    """
    with product_at_hand(storage.resolve(product)) as mapped, vector_at_hand(storage.resolve(reference)) as known:
        folder = mapped if mapped.is_dir() else mapped.parent
        return Comparison(folder.name, assess(mapped, known), other_date(mapped, known))


def put(folder: Path, place: str) -> str:
    """Copy what ``Comparison.write`` has left to a folder or prefix; its URI. Files of these names are replaced."""
    uri = storage.resolve(place)
    for path in sorted(folder.iterdir()):
        storage.write_bytes(storage.join(uri, path.name), path.read_bytes())
    return uri


@contextmanager
def product_at_hand(product: str) -> Iterator[Path]:
    """A product as local files; of one in S3 the GeoPackage, which is all that scoring needs."""
    if not storage.is_s3(product):
        yield Path(product)
        return
    place = storage.parent(product) if storage.exists(product) else product
    with temp_folder("score") as folder:
        package = folder / storage.name(place) / GEOPACKAGE
        try:
            storage.fetch(storage.join(place, GEOPACKAGE), package)
        except ObjectMissing as error:
            raise UnusableArgument(
                f"{product}: is no product of ours, for it has no {GEOPACKAGE}. Give the prefix that a run has written"
            ) from error
        with called(storage.join(place, GEOPACKAGE), package):
            yield package
