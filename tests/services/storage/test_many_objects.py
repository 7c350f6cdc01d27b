"""Datasets of thousands of objects in S3."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from s3_front import Front, front

from tasks.core.errors import ObjectMissing, OutputRefused
from tasks.services import storage
from tasks.services.frames import dataset_listing
from tasks.services.storage.s3_store import S3Store

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


def keys(start: int, number: int) -> list[str]:
    """Names as content keys give them: spread evenly."""
    return [f"{sha256(str(one).encode()).hexdigest()}.json" for one in range(start, start + number)]


@pytest.mark.parametrize(
    ("ours", "others"), [(3, 0), (5, 1100), (1100, 50), pytest.param(700, 1900, marks=pytest.mark.slow)]
)
def test_what_is_there_is_found_with_few_requests(s3_bucket: str, counted: Front, ours: int, others: int) -> None:
    """Of a run's own keys those that are there, whatever is beside; by pages or single questions, as is cheaper."""
    folder = filled(s3_bucket, keys(0, ours) + keys(10_000, others))
    wanted = [f"{folder}/{name}" for name in keys(0, ours) + keys(5_000, ours)]
    assert storage.present(wanted) == set(wanted[:ours])
    pages = -(-(ours + others) // PAGE)
    assert counted.listings <= 17 + pages
    assert len(counted.seen) <= counted.listings + min(len(wanted), 12 * 17)
    assert len(counted.seen) <= min(1 + len(wanted), 17 + pages + 12 * 17)


@given(
    there=st.sets(st.text("0123456789abcdef", min_size=1, max_size=3), max_size=40),
    wanted=st.sets(st.text("0123456789abcdef", min_size=1, max_size=3), max_size=40),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_presence_is_what_a_listing_says(place: str, there: set[str], wanted: set[str]) -> None:
    """Locally and in S3: the same as listing all and looking for each."""
    folder = storage.join(place, uuid4().hex)
    for name in there:
        storage.write_bytes(storage.join(folder, name), b"x")
    asked = {storage.join(folder, name) for name in wanted}
    assert storage.present(asked) == {storage.join(folder, name) for name in wanted & there}


def test_a_large_local_folder_is_read_once(tmp_path: Path) -> None:
    """Beyond some hundred names, one listing instead of a question each; folders are no objects."""
    (tmp_path / "folder").mkdir()
    for number in range(600):
        (tmp_path / f"{number}").write_bytes(b"")
    wanted = [str(tmp_path / f"{number}") for number in range(1200)] + [str(tmp_path / "folder")]
    assert storage.present(wanted) == set(wanted[:600])
    assert storage.present(f"{tmp_path}/none/{number}" for number in range(600)) == set()


def test_thousands_are_deleted_in_bulk(s3_bucket: str, counted: Front) -> None:
    """Up to 1,000 a request, and nothing else; what is not there is no error."""
    folder = filled(s3_bucket, NAMES)
    assert storage.delete_all(f"{folder}/{name}" for name in [*NAMES, "gone"]) == len(NAMES) + 1
    assert [method for method, _ in counted.seen] == ["POST"] * 3
    with pytest.raises(ObjectMissing):
        storage.list_objects(folder)


def test_pruning_takes_pages_as_they_come(s3_bucket: str, counted: Front) -> None:
    """A listing, and a deletion a thousand keys."""
    assert storage.prune(filled(s3_bucket, NAMES), -1, ours=lambda name: not name.startswith("strip 0")) == 2142
    assert Counter(method for method, _ in counted.seen) == {"GET": 3, "POST": 3}


@pytest.mark.parametrize("refused", ["partNumber=2", "uploadId"])
def test_an_upload_that_fails_leaves_no_parts(
    s3_bucket: str, s3_server: str, s3_client: Any, aws_settings: pytest.MonkeyPatch, refused: str
) -> None:
    """Neither an object nor parts that would be paid for, whichever request was refused."""

    def passes(method: str, target: str) -> bool:
        return method == "DELETE" or refused not in target

    with front(s3_server, passes=passes) as refusing:
        aws_settings.setenv("AWS_ENDPOINT_URL", refusing.url)
        with pytest.raises(OutputRefused):
            S3Store(f"{s3_bucket}/large", part_bytes=5 << 20).write(bytes(11 << 20))
    bucket = storage.name(s3_bucket)
    assert "Uploads" not in s3_client.list_multipart_uploads(Bucket=bucket)
    assert s3_client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_large_file_is_uploaded_in_parts_and_whole(
    s3_bucket: str, s3_server: str, aws_settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In as many requests as it has parts, the last of which names what it may replace; a link is not followed."""
    content, conditions = bytes(range(256)) * (11 << 12), list[str | None]()
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "link").symlink_to(tmp_path / "large")
    store = S3Store(f"{s3_bucket}/large", part_bytes=5 << 20)
    with front(s3_server, allows=lambda headers: not conditions.append(headers.get("If-None-Match"))) as noted:
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        assert store.upload_if(tmp_path / "large", None)
        assert [method for method, _ in noted.seen] == ["POST", "PUT", "PUT", "PUT", "POST"]
        assert conditions == [None, None, None, None, "*"]
        assert store.read() == content
    with pytest.raises(OSError, match="symbolic"):
        store.upload_if(tmp_path / "link", None)
