"""Storage: the same behaviour over local files and S3, and errors that a person can act on."""

import hashlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from tasks.core.errors import (
    ObjectMissing,
    OutputRefused,
    StorageFull,
    StorageUnavailable,
    UnusableArgument,
)
from tasks.services import storage
from tasks.services.storage import local_store

EN_DASH = "\N{EN DASH}"
ODD_NAMES = [f"dashes and spaces {EN_DASH} Überflutung 洪水.jp2", "a[1]*?.jp2", "100%#+&=.jp2", "deep/er/x.JP2"]


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    """URI of an empty folder or bucket."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3_bucket"))
    return str(request.getfixturevalue("tmp_path"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_what_is_written_is_read_back(place: str, name: str, tmp_path: Path) -> None:
    """Every operation takes names with spaces, other scripts and characters that are patterns elsewhere."""
    uri = storage.join(place, name)
    storage.write_bytes(uri, b"0123456789")
    storage.fetch(uri, tmp_path / "fetched" / name)

    assert storage.read_bytes(uri) == b"0123456789"
    assert (storage.read_range(uri, 2, 3), storage.read_range(uri, 8, 9)) == (b"234", b"89")
    assert (storage.read_range(uri, 20, 5), storage.read_range(uri, 2, 0)) == (b"", b"")
    assert (tmp_path / "fetched" / name).read_bytes() == b"0123456789"
    assert [info.relative_path for info in storage.list_objects(place) if "fetched" not in info.relative_path] == [name]
    storage.delete(uri)
    assert not storage.exists(uri)


def test_a_listing_recurses_and_is_sorted(place: str) -> None:
    """Objects at any depth are listed once, by relative path, with their own URI and size."""
    names = ["b.jp2", "a/z.jp2", "a/b/c.jp2", "a.txt"]
    for name in names:
        storage.write_bytes(storage.join(place, "set", name), name.encode())
    storage.write_bytes(storage.join(place, "set-2", "other.jp2"), b"")

    found = storage.list_objects(storage.join(place, "set") + "/")

    assert [info.relative_path for info in found] == sorted(names)
    assert all(storage.read_bytes(info.uri) == info.relative_path.encode() for info in found)
    assert [info.size_bytes for info in found] == [len(name) for name in sorted(names)]


def test_listing_an_object_gives_the_object(place: str) -> None:
    """A dataset that names one image is that image."""
    uri = storage.join(place, "one.jp2")
    storage.write_bytes(uri, b"x")
    assert [(info.uri, info.relative_path) for info in storage.list_objects(uri)] == [(uri, "one.jp2")]


def test_what_is_not_there_is_named(place: str) -> None:
    """A missing folder, prefix or object is an error with its URI, and never an empty answer."""
    uri = storage.join(place, "missing")
    for ask in (storage.list_objects, storage.read_bytes, storage.info):
        with pytest.raises(ObjectMissing, match="missing"):
            ask(uri)
    assert (storage.exists(uri), storage.is_folder(uri), storage.prune(uri, 0)) == (False, False, 0)
    storage.delete(uri)


def test_a_failed_fetch_leaves_nothing_behind(place: str, tmp_path: Path) -> None:
    """Neither the file nor a temporary one appears where the source is missing."""
    with pytest.raises(ObjectMissing, match="missing"):
        storage.fetch(storage.join(place, "missing.jp2"), tmp_path / "target" / "x.jp2")
    assert list((tmp_path / "target").glob("*")) == []


def test_folders_and_objects_are_told_apart(place: str) -> None:
    """A prefix with objects is a folder and not an object; an object is not a folder."""
    uri = storage.join(place, "folder", "x")
    storage.write_bytes(uri, b"x")
    assert (storage.exists(uri), storage.is_folder(uri)) == (True, False)
    assert (storage.exists(storage.parent(uri)), storage.is_folder(storage.parent(uri))) == (False, True)
    assert storage.is_folder(place)


def test_the_content_hash_follows_the_content(place: str) -> None:
    """The cache key of a tile changes with its bytes and with nothing else."""
    uri, copy = storage.join(place, "x"), storage.join(place, "y")
    storage.write_bytes(uri, b"one")
    first = storage.content_hash(storage.info(uri))
    storage.write_bytes(copy, b"one")
    assert storage.content_hash(storage.info(copy)) == first
    storage.write_bytes(uri, b"two")
    assert storage.content_hash(storage.info(uri)) != first


def test_a_local_content_hash_is_sha_256(tmp_path: Path) -> None:
    """Anyone can check it with sha256sum."""
    (tmp_path / "x").write_bytes(b"content")
    assert storage.content_hash(storage.info(str(tmp_path / "x"))) == hashlib.sha256(b"content").hexdigest()


def test_pruning_removes_only_what_is_old(place: str) -> None:
    """Objects younger than the limit stay."""
    for name in ("a", "b/c"):
        storage.write_bytes(storage.join(place, "cache", name), b"x")
    cache = storage.join(place, "cache")
    assert storage.prune(cache, 2) == 0
    assert storage.prune(cache, -1) == 2
    assert not storage.exists(storage.join(cache, "a"))


def test_many_threads_share_one_store(place: str) -> None:
    """Tile tasks read and write at once from a pool of threads."""
    uris = [storage.join(place, f"{number}.bin") for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda uri: storage.write_bytes(uri, uri.encode()), uris))
        assert list(pool.map(storage.read_bytes, uris)) == [uri.encode() for uri in uris]


def test_a_bucket_that_does_not_exist_is_never_made(s3_bucket: str) -> None:
    """Reading from it and writing to it say so."""
    with pytest.raises(ObjectMissing, match=f"{s3_bucket}-no"):
        storage.list_objects(f"{s3_bucket}-no/prefix")
    with pytest.raises(OutputRefused, match="bucket does not exist"):
        storage.write_bytes(f"{s3_bucket}-no/x", b"x")


def test_placeholders_of_folders_are_no_objects(s3_bucket: str) -> None:
    """The zero-byte keys that the S3 console makes for folders are not listed."""
    client = boto3.client("s3")
    client.put_object(Bucket=storage.name(s3_bucket), Key="set/", Body=b"")
    client.put_object(Bucket=storage.name(s3_bucket), Key="set/sub/", Body=b"")
    storage.write_bytes(f"{s3_bucket}/set/x.jp2", b"x")
    assert [info.relative_path for info in storage.list_objects(f"{s3_bucket}/set")] == ["x.jp2"]


def test_a_listing_shows_what_another_client_just_wrote(s3_bucket: str) -> None:
    """Nothing of a listing is cached."""
    storage.write_bytes(f"{s3_bucket}/set/a", b"x")
    before = storage.list_objects(f"{s3_bucket}/set")
    boto3.client("s3").put_object(Bucket=storage.name(s3_bucket), Key="set/b", Body=b"x")
    assert (len(before), len(storage.list_objects(f"{s3_bucket}/set"))) == (1, 2)


class _Answer(BaseHTTPRequestHandler):
    """Answers every request with one S3 error."""

    status, code = 503, "SlowDown"
    protocol_version = "HTTP/1.1"  # a client that waits for "100 Continue" before its body gets it
    timeout = 5

    def _answer(self) -> None:
        body = f"<Error><Code>{self.code}</Code><Message>told to</Message></Error>".encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - the names that http.server asks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def failing_s3(request: pytest.FixtureRequest, aws_settings: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 that answers everything with the (status, code) of the parameter."""
    status, code = request.param
    handler = type("Handler", (_Answer,), {"status": status, "code": code})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        aws_settings.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield "s3://bucket/x.jp2"
        server.shutdown()


@pytest.mark.parametrize("failing_s3", [(503, "SlowDown"), (500, "InternalError")], indirect=True)
def test_throttling_and_server_errors_may_be_retried(failing_s3: str) -> None:
    """What may pass is the one error that tasks retry."""
    with pytest.raises(StorageUnavailable, match=failing_s3):
        storage.read_bytes(failing_s3)


@pytest.mark.parametrize("failing_s3", [(403, "AccessDenied")], indirect=True)
def test_denied_access_is_final_and_named(failing_s3: str) -> None:
    """A missing permission is told apart from a missing object, and is not retried."""
    with pytest.raises(OutputRefused, match="may not be written"):
        storage.write_bytes(failing_s3, b"x")
    with pytest.raises(ObjectMissing, match="may not be read"):
        storage.exists(failing_s3)


def test_no_answer_at_all_may_be_retried(aws_settings: pytest.MonkeyPatch) -> None:
    """A refused connection is transient."""
    aws_settings.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StorageUnavailable, match="s3://bucket/x"):
        storage.read_bytes("s3://bucket/x")


def test_s3_without_its_extra_says_what_to_install(aws_settings: pytest.MonkeyPatch) -> None:
    """A core installation names the extra instead of a missing module."""
    aws_settings.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    aws_settings.setitem(sys.modules, "boto3", None)
    with pytest.raises(UnusableArgument, match=r"flood-extent\[aws\]"):
        storage.exists("s3://bucket/x")


@pytest.mark.parametrize("uri", ["gs://bucket/x", "https://host/x", "", "s3://", "s3:///key", "a\0b"])
def test_other_places_are_refused(uri: str) -> None:
    """Only local paths and S3 are taken, and the message says so."""
    with pytest.raises(UnusableArgument, match=r"s3://bucket/prefix"):
        storage.resolve(uri)


def test_what_a_person_types_becomes_an_absolute_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths, the home folder, file:// and trailing slashes are all understood."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    typed = ["x/../a b", "~/tiles", "file:///data/a%20b/", "/data/#1?/", "s3://bucket/a/", "s3://bucket/"]
    assert [storage.resolve(uri) for uri in typed] == [
        f"{tmp_path}/a b",
        "/home/someone/tiles",
        "/data/a b",
        "/data/#1?",
        "s3://bucket/a",
        "s3://bucket",
    ]


def test_uris_are_taken_apart_and_joined() -> None:
    """Parents and names are those of the path below the scheme."""
    assert storage.join("s3://b/a/", "c/", "d.jp2") == "s3://b/a/c/d.jp2"
    assert [storage.parent(uri) for uri in ("s3://b/a/c", "s3://b/a", "s3://b", "/a/b")] == [
        "s3://b/a",
        "s3://b",
        "s3://b",
        "/a",
    ]
    assert [storage.name(uri) for uri in ("s3://b/a/c.txt", "s3://b/", "/a/b/")] == ["c.txt", "b", "b"]


def test_linked_tiles_are_listed_and_loops_end(tmp_path: Path) -> None:
    """Datasets are often folders of links; a link back up does not make the listing endless."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.jp2").write_bytes(b"x")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link.jp2").symlink_to(tmp_path / "real" / "x.jp2")
    (tmp_path / "set" / "sub").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "up").symlink_to(tmp_path / "set")
    found = storage.list_objects(str(tmp_path / "set"))
    assert [info.relative_path for info in found] == ["link.jp2", "sub/x.jp2"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """Readers see the old content or the new, and no temporary file is left."""
    target = tmp_path / "x"
    target.write_bytes(b"old")

    def fail(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFull, match=f"{target}.*Free space"):
        local_store.write_atomically(target, fail)
    assert (target.read_bytes(), list(tmp_path.iterdir())) == (b"old", [target])


LIMITED_WRITE = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from tasks.core.errors import StorageFull
from tasks.services import storage
try:
    getattr(storage, sys.argv[1])(sys.argv[2], Path(sys.argv[3]) if sys.argv[1] == "fetch" else b"x" * 100_000)
except StorageFull as error:
    print(error)
"""


@pytest.mark.parametrize("operation", ["write_bytes", "fetch"])
def test_a_file_that_does_not_fit_is_storage_full(operation: str, tmp_path: Path) -> None:
    """A real limit of the system, hit in the middle of a write, names the target and leaves nothing behind."""
    source, target = tmp_path / "source", tmp_path / "out" / "target"
    source.write_bytes(b"x" * 100_000)
    arguments = [str(source), str(target)] if operation == "fetch" else [str(target)]
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED_WRITE, operation, *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.startswith(f"{target}: ")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputRefused, match="permissions"):
        storage.write_bytes(str(tmp_path / "x"), b"x")


def test_a_file_in_the_way_of_a_folder_is_refused(tmp_path: Path) -> None:
    """Writing below a file says which path cannot be."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputRefused, match="file/x"):
        storage.write_bytes(str(tmp_path / "file" / "x"), b"x")


def test_a_name_that_is_too_long_is_unusable(tmp_path: Path) -> None:
    """The file system's limit on names is not an error that a retry could help."""
    with pytest.raises(UnusableArgument, match="name"):
        storage.write_bytes(str(tmp_path / ("x" * 300)), b"x")
