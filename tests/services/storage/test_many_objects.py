"""Datasets of thousands of objects in S3."""

from collections.abc import Iterator

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from s3_front import Front, front

from tasks.services import storage
from tasks.services.frames import dataset_listing

PAGE = 1000  # keys that S3 lists a request
NAMES = [f"strip {number % 7}/deep/{number:05d}.jp2" for number in range(2500)]


@pytest.fixture
def counted(s3_server: str, aws_settings: pytest.MonkeyPatch) -> Iterator[Front]:
    """The environment's S3, with every request counted."""
    with front(s3_server) as noted:
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        yield noted


def filled(s3_bucket: str, names: list[str]) -> str:
    """A prefix with small objects that are no images, put where moto keeps them: over HTTP they would take long."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name in names:
        backend.put_object(storage.name(s3_bucket), f"set/{name}", name.encode())
    return f"{s3_bucket}/set"


def test_a_long_listing_is_whole_and_asked_for_page_by_page(s3_bucket: str, counted: Front) -> None:
    """2,500 keys are listed in order, each once, with as many requests as there are pages."""
    found = storage.list_objects(filled(s3_bucket, NAMES))
    assert [info.relative_path for info in found] == sorted(NAMES)
    assert len(counted.seen) == counted.listings == -(-len(NAMES) // PAGE)


def test_a_dataset_is_listed_once_and_its_headers_read(s3_bucket: str, counted: Front) -> None:
    """Tiles cost reads of their own and nothing else: where they and their sidecars are, the listing has told."""
    tiles = dataset_listing.list_tiles(filled(s3_bucket, NAMES[:200]), crs=None, max_pixels=10**8)
    assert [tile.id for tile in tiles] == sorted(NAMES[:200])
    assert counted.listings == 1
    assert {method for method, _ in counted.seen} == {"GET"}
    assert len(counted.seen) <= 1 + 2 * 200  # its header to judge the tile, and once more for its ground
