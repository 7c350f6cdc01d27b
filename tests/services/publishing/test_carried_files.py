"""What people put beside a product, or change in it, outlives every new product; in S3 as on a disk."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from cloud import Cloud
from products import contents, make_product

from tasks.core.errors import OutputRefused
from tasks.core.formats.shapefile_writer import write_shapefile
from tasks.core.product.layer import Layer
from tasks.services import storage
from tasks.services.publishing import carried_files, publishing, swapping
from tasks.services.publishing.carried_files import Belongings, HandOver
from tasks.services.publishing.former_product import FormerProduct
from tasks.services.publishing.product_folder import hashes_of

REPOSITORY = Path(__file__).parents[3]
FOREIGN = {
    "map.qgz": b"a project",
    "edited.gpkg": b"a layer",
    "notes/2026/a b.txt": b"notes",
    "tiles/mine.shp": b"mine",
    "run.json.bak": b"{}",
}


@pytest.fixture
def place(place: str) -> str:
    """URI of a product's place in an empty output directory."""
    return storage.join(place, "out/x")


def product(tmp_path: Path, text: str, name: str = "p") -> Path:
    """A product, with its zip, whose every file holds the text."""
    shutil.rmtree(tmp_path / name, ignore_errors=True)
    files = ("flood_extent.gpkg", "report.md", "tiles/a.shp", "tiles/a.dbf")
    folder = make_product(tmp_path / name, dict.fromkeys(files, text))
    publishing.zip_folder(folder, folder / "x.zip")
    return folder


def put(place: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        storage.write_bytes(storage.join(place, name), data)


def test_what_is_beside_a_product_stays(place: str, tmp_path: Path) -> None:
    """A project, layers and notes lie where they were after any number of reruns, and nothing else is left over."""
    said: list[str] = []
    publishing.publish(product(tmp_path, "one"), place, said.append)
    put(place, FOREIGN)
    for text in ("two", "two"):
        folder = product(tmp_path, text)
        publishing.publish(folder, place, said.append)
    assert contents(place) == {**contents(str(folder)), **FOREIGN}
    assert said == []


@pytest.mark.parametrize("name", ["report.md", "flood_extent.gpkg", "run.json", "x.zip"])
def test_what_was_edited_is_kept_beside_and_said(place: str, name: str, tmp_path: Path) -> None:
    """A changed file of the product, its record and zip too, stays as .edited; the next one gets a number."""
    said: list[str] = []
    publishing.publish(product(tmp_path, "one"), place)
    for edit in (b" \n", b"\n\n"):
        put(place, {name: storage.read_bytes(storage.join(place, name)) + edit})
        new = product(tmp_path, "two")
        publishing.publish(new, place, said.append)
    there = contents(place)
    assert {key: there[key] for key in contents(str(new))} == contents(str(new))
    assert there[f"{name}.edited"].endswith(b" \n")
    assert there[f"{name}.edited-2"].endswith(b"\n\n")
    assert [line.rpartition(" ")[2] for line in said] == [f"{name}.edited", f"{name}.edited-2"]


def test_what_would_be_kept_is_known_beforehand(place: str, tmp_path: Path) -> None:
    """The report is written before the product is in its place, and names what will be kept under another name."""
    folder = product(tmp_path, "one")
    assert publishing.to_be_kept(folder, place) == []
    publishing.publish(folder, place)
    put(place, {**FOREIGN, "report.md": b"my words", "tiles/a.dbf": b"edited"})
    (folder / "x.zip").unlink()
    assert list(map(str, publishing.to_be_kept(folder, place))) == [
        "report.md: not as a run has written it, so it stays, as report.md.edited",
        "tiles/a.shp and its other files: not as a run has written it, so it stays, as tiles/a.edited.shp",
    ]


def test_without_a_list_of_its_files_a_product_is_all_foreign(place: str, tmp_path: Path) -> None:
    """Of a record from before there were lists, nothing is known to be a run's: everything is kept."""
    put(place, {"run.json": b'{"dataset": "/data/prairie"}', "report.md": b"old", "overview.png": b"old"})
    publishing.publish(product(tmp_path, "new"), place)
    there = contents(place)
    assert there["overview.png"] == there["report.md.edited"] == b"old"
    assert there["run.json.edited"] == b'{"dataset": "/data/prairie"}'


def write_squares(path: Path, count: int) -> None:
    squares = np.array([shapely.box(n, 0, n + 1, 1) for n in range(count)], dtype=object)
    layer = Layer("flood_extent", "Polygon", "EPSG:7855", squares, {"n": np.arange(count)})
    assert write_shapefile(layer, path) == ()


def features(path: Path) -> int:
    return int(pyogrio.read_info(path, force_feature_count=True)["features"])


def test_a_shapefile_that_was_edited_still_opens(tmp_path: Path) -> None:
    """Its parts stay together under one stem, with the index that belongs to them; the new one has none of another."""
    staging, place = tmp_path / "p", tmp_path / "out" / "x"
    write_squares(staging / "flood_extent.shp", 1)
    make_product(staging, {})
    publishing.publish(staging, str(place))
    write_squares(place / "flood_extent.shp", 7)
    (place / "flood_extent.qix").write_bytes(b"index")
    publishing.publish(staging, str(place))
    assert features(place / "flood_extent.edited.shp") == 7
    assert features(place / "flood_extent.shp") == 1
    assert (place / "flood_extent.edited.qix").exists()
    assert not (place / "flood_extent.qix").exists()


def test_links_sockets_and_folders_stay_what_they_are(tmp_path: Path) -> None:
    """Nothing is followed, nothing is turned into something else, and what links lead to is not touched."""
    place, outside = tmp_path / "out" / "x", tmp_path / "outside"
    publishing.publish(product(tmp_path, "one"), str(place))
    outside.mkdir()
    (outside / "photo.jpg").write_text("mine")
    (place / "linked").symlink_to(outside)
    (place / "broken").symlink_to("nowhere")
    (place / "empty" / "er").mkdir(parents=True)
    os.mkfifo(place / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))
        publishing.publish(product(tmp_path, "two"), str(place))
    assert (place / "linked").readlink() == outside
    assert (place / "broken").is_symlink()
    assert [(place / name).exists() for name in ("empty/er", "pipe", "socket", "linked/photo.jpg")] == [True] * 4
    assert not [path for path in place.parent.iterdir() if path != place]


def test_a_product_is_not_put_where_a_link_leads(tmp_path: Path) -> None:
    """A link in the output that leads elsewhere is refused by name, and what is there stays."""
    publishing.publish(product(tmp_path, "one"), str(tmp_path / "elsewhere"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputRefused, match="is a link"):
        publishing.publish(product(tmp_path, "two"), str(tmp_path / "out" / "x"))
    assert (tmp_path / "elsewhere" / "report.md").read_text() == "one"


def test_a_file_linked_in_place_of_one_of_the_product_is_kept(tmp_path: Path) -> None:
    """Also a link to the very content that a run has written is somebody's own."""
    place = tmp_path / "out" / "x"
    publishing.publish(product(tmp_path, "one"), str(place))
    (place / "report.md").rename(tmp_path / "report.md")
    (place / "report.md").symlink_to(tmp_path / "report.md")
    publishing.publish(product(tmp_path, "two"), str(place))
    assert (place / "report.md.edited").readlink() == tmp_path / "report.md"
    assert (tmp_path / "report.md").read_text() == "one"


def save_anew(folder: Path) -> None:
    (folder / "saving").write_bytes(b"saved anew")
    (folder / "saving").replace(folder / "map.qgz")


def write_in_place(folder: Path) -> None:
    (folder / "report.md").write_bytes(b"edited late")


def put_new(folder: Path) -> None:
    (folder / "late").mkdir()
    (folder / "late" / "file").write_bytes(b"new")


@pytest.mark.parametrize(
    ("write", "name", "data"),
    [
        (save_anew, "map.qgz", b"saved anew"),
        (write_in_place, "report.md.edited", b"edited late"),
        (put_new, "late/file", b"new"),
    ],
)
def test_what_is_written_in_the_instant_of_the_swap_is_not_lost(
    write: Callable[[Path], None], name: str, data: bytes, tmp_path: Path
) -> None:
    """Between the last look at the former folder and its removal, a file saved there still finds its place."""
    place, new = tmp_path / "x", tmp_path / "new"
    publishing.publish(product(tmp_path, "one"), str(place))
    put(str(place), FOREIGN)
    seen = Belongings.of(place, "x")
    shutil.copytree(product(tmp_path, "two"), new)
    kept = seen.kept(hashes_of(new))
    seen.carry_over(place, new, kept)
    write(place)
    former = swapping.swap_in(new, place)
    assert former is not None
    HandOver(former, place, seen, kept).do()
    assert contents(str(place)) == {**contents(str(tmp_path / "p")), **FOREIGN, name: data}
    assert not former.exists()


def test_where_files_cannot_be_linked_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links keeps what people have all the same, once."""
    place = tmp_path / "out" / "x"
    publishing.publish(product(tmp_path, "one"), str(place))
    put(str(place), {**FOREIGN, "report.md": b"edited"})
    monkeypatch.setattr(carried_files, "NO_LINK", set(range(200)))
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    folder = product(tmp_path, "two")
    publishing.publish(folder, str(place))
    assert contents(str(place)) == {**contents(str(folder)), **FOREIGN, "report.md.edited": b"edited"}


KILLED = """
import sys
from pathlib import Path
from tasks.services.publishing import publishing
print("ready", flush=True)
while True:
    for folder in sys.argv[2:]:
        publishing.publish(Path(folder), sys.argv[1])
"""


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_at_any_moment_there_is_the_old_product_or_the_new(kills: int, tmp_path: Path) -> None:
    """After each kill one of two products is whole, a person's files lie where they were, and the next one tidies."""
    place, chance = tmp_path / "out" / "x", random.Random(5)
    folders = [product(tmp_path, text, name=text) for text in ("one", "two")]
    publishing.publish(folders[0], str(place))
    put(str(place), {**FOREIGN, "report.md": b"edited"})
    publishing.publish(folders[0], str(place))
    mine = {**FOREIGN, "report.md.edited": b"edited"}
    command = [sys.executable, "-B", "-c", KILLED, str(place), *map(str, folders)]
    for _ in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.06))
            child.send_signal(signal.SIGKILL)
        assert contents(str(place)) in [{**contents(str(folder)), **mine} for folder in folders]
    publishing.publish(folders[0], str(place))
    assert contents(str(place)) == {**contents(str(folders[0])), **mine}
    assert [path.name for path in place.parent.iterdir()] == ["x"]


KILLED_AFTER_REMOVALS = """
import os, signal, sys
from pathlib import Path
from tasks.services.publishing import publishing
removals, unlink = int(sys.argv[1]), Path.unlink
def counted(path, *rest, **named):
    global removals
    if ".swapped" in str(path):
        if not removals:
            os.kill(os.getpid(), signal.SIGKILL)
        removals -= 1
    unlink(path, *rest, **named)
Path.unlink = counted
publishing.publish(Path(sys.argv[3]), sys.argv[2])
"""


@pytest.mark.parametrize("removals", range(1, 6))
def test_a_kill_among_the_removals_makes_nothing_somebodys_own(removals: int, tmp_path: Path) -> None:
    """Wherever removing the former product was cut short, what is left of it is still known as a run's."""
    place = tmp_path / "out" / "x"
    folders = [product(tmp_path, text, name=text) for text in ("one", "two")]
    publishing.publish(folders[0], str(place))
    command = [sys.executable, "-c", KILLED_AFTER_REMOVALS, str(removals), str(place), str(folders[1])]
    assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == -signal.SIGKILL
    publishing.publish(folders[0], str(place))
    assert contents(str(place)) == contents(str(folders[0]))


def test_what_was_swapped_out_by_a_killed_run_is_looked_through(tmp_path: Path) -> None:
    """A file that came into a folder just before it was swapped out, and the run killed, comes to light."""
    place = tmp_path / "out" / "x"
    publishing.publish(product(tmp_path, "one"), str(place))
    former = make_product(tmp_path / "out" / ".x.0123456789abcdef0123456789abcdef.swapped", {"report.md": "old"})
    (former / "late.qgz").write_bytes(b"mine")
    (former / "report.md").write_bytes(b"edited late")
    publishing.publish(product(tmp_path, "two"), str(place))
    there = contents(str(place))
    assert (there["late.qgz"], there["report.md.edited"]) == (b"mine", b"edited late")
    assert [path.name for path in place.parent.iterdir()] == ["x"]


def test_a_failed_publish_takes_nothing_with_it(tmp_path: Path) -> None:
    """A product that cannot be copied leaves the former one and all that is beside it."""
    place = tmp_path / "out" / "x"
    publishing.publish(product(tmp_path, "one"), str(place))
    put(str(place), {**FOREIGN, "report.md": b"edited"})
    before = contents(str(place))
    broken = product(tmp_path, "two")
    (broken / "tiles" / "link").symlink_to("/etc/passwd")
    with pytest.raises(Exception, match=str(place)):
        publishing.publish(broken, str(place))
    assert contents(str(place)) == before
    assert [path.name for path in place.parent.iterdir()] == ["x"]


@pytest.mark.parametrize("name", ["report.md", "gone.txt", "run.json"])
def test_an_object_written_during_an_upload_is_kept(cloud: Cloud, name: str, tmp_path: Path) -> None:
    """What somebody puts into S3 after it was looked at, over a file of the product, is kept beside."""
    cloud.sandbox.create_bucket("maps")
    old = make_product(tmp_path / "old", {"report.md": "1", "gone.txt": "1", "a": "1"})
    new = make_product(tmp_path / "new", {"report.md": "2", "a": "2"})
    publishing.publish(old, "s3://maps/x")
    cloud.sandbox.fault("PutObject", "hang", seconds=3, name_contains="x/.publishing.json")
    before = cloud.sandbox.requests()["PutObject"]
    upload = threading.Thread(target=publishing.publish, args=(new, "s3://maps/x"))
    upload.start()
    cloud.wait_until(lambda: cloud.sandbox.requests()["PutObject"] != before)
    storage.write_bytes(f"s3://maps/x/{name}", b"mine")
    upload.join()
    assert contents("s3://maps/x") == {**contents(str(new)), f"{name}.edited": b"mine"}


def test_an_upload_whose_answer_was_lost_is_not_taken_for_somebody_elses(cloud: Cloud, tmp_path: Path) -> None:
    """An object that was written although S3 answered with an error is the product's."""
    cloud.sandbox.create_bucket("maps")
    for text in ("1", "2"):
        cloud.sandbox.fault("PutObject", "after-effect-500", name_contains="x/a")
        folder = make_product(tmp_path / text, {"a": text})
        publishing.publish(folder, "s3://maps/x")
    assert contents("s3://maps/x") == contents(str(folder))


def test_paths_in_a_record_lead_nowhere(tmp_path: Path) -> None:
    """Names in a run.json are compared, never followed: nothing outside of the product's folder is removed."""
    place = tmp_path / "out" / "x"
    (tmp_path / "victim").write_text("mine")
    make_product(place, {"a": "1"})
    record = (place / "run.json").read_text().replace('"a"', f'"../../victim": "{"0" * 64}", "/etc/hostname"')
    (place / "run.json").write_text(record)
    publishing.publish(make_product(tmp_path / "p", {"b": "1"}), str(place))
    assert (tmp_path / "victim").read_text() == "mine"
    assert FormerProduct.at(str(place), "x").files.keys() == {"b"}
