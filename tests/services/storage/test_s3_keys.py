"""Objects in S3 under any key, archived ones, and buckets whose requester pays."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from s3_front import front

from tasks.core.errors import ObjectMissing
from tasks.services import storage
from tasks.services.frames.dataset_listing import Entry, list_tiles, probe_tile
from tasks.services.frames.frame_files import FrameFiles
from tasks.services.storage.s3_refusals import archive_refusal

# S3 takes each of these for a name like any other.
KEYS = [
    "/lead/frame.jp2",
    "//lead/frame.jp2",
    "double//town//frame.jp2",
    "plus/a+b frame (1)&x=1%20#2.jp2",
    "percent/100%25 %2F.jp2",
    "query/frame?versionId=abc.jp2",
    "glob/[1]*/frame.jp2",
    "dots/../up/./frame.jp2",
    " spaces /frame .jp2",
    "uni/Überflutung 洪水/Fra\u0308me.jp2",
]


def put(uri: str, content: bytes = b"frame", **more: str) -> str:
    """Write an object as any other client would."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content, **more)  # type: ignore[arg-type]
    return uri


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_found_and_read_under_any_key(s3_bucket: str, key: str) -> None:
    """By its bucket, by its prefix and by its own name it is the same object."""
    uri = put(f"{s3_bucket}/{key}", key.encode())
    listings = [storage.list_objects(place) for place in (s3_bucket, uri.rpartition("/")[0], uri)]
    assert [[info.uri for info in found] for found in listings] == [[uri]] * 3
    assert storage.read_bytes(uri) == storage.read_range(uri, 0, 100) == key.encode()


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_written_and_removed_under_any_key(s3_bucket: str, key: str) -> None:
    """Nothing else is written in its place, or goes with it."""
    uri, other = f"{s3_bucket}/{key}", put(f"{s3_bucket}/other.jp2")
    storage.write_bytes(uri, b"mine")
    assert [info.uri for info in storage.siblings(uri) if info.uri != other] == [uri]
    storage.delete(uri)
    assert [info.uri for info in storage.list_objects(s3_bucket)] == [other]


def test_folders_that_differ_in_slashes_are_two(s3_bucket: str) -> None:
    """``a//b`` is not below ``a/b``, nor ``flight_old`` below ``flight``, which may be an object as well."""
    for key in ("a/b/1.jp2", "a//b/2.jp2", "flight", "flight/3.jp2", "flight_old/4.jp2"):
        put(f"{s3_bucket}/{key}")
    found = {name: storage.list_objects(f"{s3_bucket}/{name}") for name in ("a/b", "a//b", "flight")}
    assert {name: [info.relative_path for info in infos] for name, infos in found.items()} == {
        "a/b": ["1.jp2"],
        "a//b": ["2.jp2"],
        "flight": ["3.jp2"],
    }


@pytest.mark.parametrize("folder", ["", "/", "//lead/", "double//town/"])
def test_a_list_names_frames_beside_it_wherever_it_lies(s3_bucket: str, folder: str) -> None:
    """Relative lines keep every slash of the list's own folder, and have ids of their own."""
    put(f"{s3_bucket}/{folder}tiles.txt", b"a.jp2\nsub//b.jp2\n./sub/../c.jp2\n")
    tiles = list_tiles(f"{s3_bucket}/{folder}tiles.txt", crs=None, max_pixels=10**6)
    names = ("a.jp2", "sub//b.jp2", "c.jp2")
    assert {tile.id: tile.uri for tile in tiles} == {name: f"{s3_bucket}/{folder}{name}" for name in names}


@pytest.mark.parametrize(
    ("storage_class", "words"), [("GLACIER", "in Glacier:"), ("DEEP_ARCHIVE", "in Glacier Deep Archive:")]
)
def test_an_archived_frame_is_to_be_restored(s3_bucket: str, storage_class: str, words: str) -> None:
    """It is no matter of permissions: the tile says where the object is and what to do."""
    put(f"{s3_bucket}/cold.jp2", StorageClass=storage_class)
    (tile,) = list_tiles(s3_bucket, crs=None, max_pixels=10**6)
    assert f"{s3_bucket}/cold.jp2: is {words} restore it first" in str(tile.problem)
    assert "permissions" not in str(tile.problem)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        # As S3 answers: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        (
            {"Error": {"Code": "InvalidObjectState"}, "StorageClass": "INTELLIGENT_TIERING"}
            | {"AccessTier": "DEEP_ARCHIVE_ACCESS"},
            "in the Deep Archive Access tier of Intelligent-Tiering: restore it first",
        ),
        ({"Error": {"Code": "ObjectNotInActiveTierError"}}, "archived .*: restore it first"),
    ],
)
def test_each_kind_of_archive_is_named(response: dict[str, object], words: str) -> None:
    """Intelligent-Tiering archives too; where S3 does not say which archive it is, the remedy is the same."""
    assert re.match(f"s3://bucket/a.jp2: is {words}", str(archive_refusal("s3://bucket/a.jp2", response)))


@pytest.fixture
def paid(s3_bucket: str, s3_server: str, aws_settings: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket with an object, which refuses every request whose sender has not agreed to pay."""
    put(f"{s3_bucket}/flight/a.jp2")
    aws_settings.delenv("AWS_REQUEST_PAYER", raising=False)
    with front(s3_server, lambda headers: headers.get("x-amz-request-payer") == "requester") as noted:
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        yield s3_bucket


Ask = Callable[[str, Path], object]
ASKED: dict[str, Ask] = {
    "bucket": lambda bucket, _: storage.is_folder(bucket),
    "list": lambda bucket, _: storage.list_objects(f"{bucket}/flight"),
    "siblings": lambda bucket, _: storage.siblings(f"{bucket}/flight/a.jp2"),
    "stat": lambda bucket, _: storage.exists(f"{bucket}/flight/a.jp2"),
    "range": lambda bucket, _: storage.read_range(f"{bucket}/flight/a.jp2", 0, 1),
    "whole": lambda bucket, _: storage.read_bytes(f"{bucket}/flight/a.jp2"),
    "fetch": lambda bucket, folder: storage.fetch(f"{bucket}/flight/a.jp2", folder / "a.jp2"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_who_agrees_to_pay_reads_and_who_does_not_is_told(
    paid: str, ask: Ask, tmp_path: Path, aws_settings: pytest.MonkeyPatch
) -> None:
    """Every request carries the agreement; without it the error names it beside the permissions."""
    with pytest.raises(ObjectMissing, match=r"permissions; if its bucket is 'requester pays', .*`requester_pays`"):
        ask(paid, tmp_path)
    aws_settings.setenv("AWS_REQUEST_PAYER", "requester")
    ask(paid, tmp_path)


def test_who_has_agreed_to_pay_is_not_told_to(s3_bucket: str, s3_server: str, aws_settings: pytest.MonkeyPatch) -> None:
    """Refused all the same, it is a matter of permissions."""
    aws_settings.setenv("AWS_REQUEST_PAYER", "requester")
    with front(s3_server, lambda _: False) as noted:
        aws_settings.setenv("AWS_ENDPOINT_URL", noted.url)
        with pytest.raises(ObjectMissing, match=r"Check the permissions$"):
            storage.list_objects(s3_bucket)


def test_a_frame_of_a_paid_bucket_says_what_to_set(paid: str) -> None:
    """In the plan and in the run, the tile's error has the remedy."""
    entry = Entry("a.jp2", f"{paid}/flight/a.jp2", lambda: FrameFiles(storage.info(f"{paid}/flight/a.jp2"), ()))
    assert "`requester_pays`" in str(probe_tile(entry, crs=None, max_pixels=10**6).problem)
