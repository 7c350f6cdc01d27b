"""Listing a dataset: every image is accounted for, whatever is wrong with it."""

import os
from pathlib import Path

import boto3
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from tasks.core.errors import DatasetNotFound, EmptyDataset
from tasks.core.tiles.tile import Tile
from tasks.services import storage
from tasks.services.frames.dataset_listing import Entry, list_tiles, listed_ids, probe_tile
from tasks.services.frames.frame_files import FrameFiles

WORLD_FILE = "0.15\n0\n0\n-0.15\n300000.075\n6599999.925\n"


def write_jp2(path: Path, *, crs: str | None = "EPSG:7855", width: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = from_origin(300000, 6600000, 0.15, 0.15) if crs else None
    pixels = np.random.default_rng(1).integers(0, 255, (3, 48, width), dtype=np.uint8)
    profile = {"width": width, "height": 48, "count": 3, "dtype": "uint8", "crs": crs, "transform": transform}
    # Written under a plain name: GDAL picks the driver's options by it.
    plain = path.with_name("plain.jp2")
    with rasterio.open(plain, "w", driver="JP2OpenJPEG", **profile) as dataset:
        dataset.write(pixels)
    return plain.replace(path)


def listed(dataset: Path | str, *, crs: str | None = None) -> list[Tile]:
    return list_tiles(str(dataset), crs=crs, max_pixels=10**6)


def test_ids_are_paths_below_the_dataset(tmp_path: Path) -> None:
    """Equal stems in different folders do not collide, and the extension's case does not matter."""
    for name in ("north/a.jp2", "south/a.JP2", "dashes and – Überflutung 洪水.jp2"):
        write_jp2(tmp_path / name)
    (tmp_path / "notes.md").write_text("not an image")
    assert {tile.id for tile in listed(tmp_path)} == {"north/a.jp2", "south/a.JP2", "dashes and – Überflutung 洪水.jp2"}
    assert all(tile.problem is None for tile in listed(tmp_path))


def test_a_header_is_read_with_its_place(tmp_path: Path) -> None:
    """The probe gives size, CRS and transform without decoding."""
    write_jp2(tmp_path / "a.jp2")
    grid = listed(tmp_path)[0].grid
    assert grid is not None
    assert (grid.width_px, grid.height_px, grid.crs) == (64, 48, "EPSG:7855")
    assert grid.transform == pytest.approx((0.15, 0, 300000, 0, -0.15, 6600000))


def test_a_world_file_belongs_to_its_tile(tmp_path: Path) -> None:
    """A sidecar places the image, which is the same image wherever it lies."""
    write_jp2(tmp_path / "a.jp2", crs=None)
    sidecar = tmp_path / "a.j2w"
    sidecar.write_text(WORLD_FILE)
    before = listed(tmp_path, crs="EPSG:7855")[0]
    sidecar.write_text(WORLD_FILE.replace("300000", "300001"))
    after = listed(tmp_path, crs="EPSG:7855")[0]
    assert before.sidecars == (str(sidecar),)
    assert before.grid is not None
    assert before.grid.transform[2] == pytest.approx(300000)
    assert (before.grid != after.grid, before.content_hash) == (True, after.content_hash)


def test_nodata_of_the_sidecar_is_carried_by_the_tile(tmp_path: Path) -> None:
    """What ``.aux.xml`` declares reaches the stages with the tile, of the same image."""
    write_jp2(tmp_path / "a.jp2")
    before = listed(tmp_path)[0]
    bands = "".join(f'<PAMRasterBand band="{at}"><NoDataValue>255</NoDataValue></PAMRasterBand>' for at in (1, 2, 3))
    (tmp_path / "a.jp2.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    after = listed(tmp_path)[0]
    assert (before.nodata, after.nodata) == (None, (255, 255, 255))
    assert before.content_hash == after.content_hash


@pytest.mark.parametrize("sidecar", ["FRAME.j2w", "FRAME.J2W", "FRAME.wld", "FRAME.WLD"])
def test_a_list_finds_the_sidecars_that_a_folder_has(tmp_path: Path, sidecar: str) -> None:
    """A frame is the same tile, with the same content hash, whether its folder or a list names it."""
    image = write_jp2(tmp_path / "FRAME.JP2", crs=None)
    (tmp_path / sidecar).write_text(WORLD_FILE)
    listing = tmp_path / "images.txt"
    listing.write_text("FRAME.JP2\n")
    assert listed(listing, crs="EPSG:7855") == listed(tmp_path, crs="EPSG:7855")
    assert listed(image.parent, crs="EPSG:7855")[0].problem is None


def test_a_sidecar_of_the_very_name_comes_first(tmp_path: Path) -> None:
    """Frames whose names differ in case alone keep their own world files."""
    for name, east in (("a", 300000), ("A", 400000)):
        write_jp2(tmp_path / f"{name}.jp2", crs=None)
        (tmp_path / f"{name}.j2w").write_text(WORLD_FILE.replace("300000", str(east)))
    if len(list(tmp_path.iterdir())) < 4:
        pytest.skip("file names ignore case here")
    places = {tile.id: tile.grid and round(tile.grid.transform[2]) for tile in listed(tmp_path, crs="EPSG:7855")}
    assert places == {"a.jp2": 300000, "A.jp2": 400000}


def test_a_bad_image_is_listed_with_its_problem(tmp_path: Path) -> None:
    """A probe never raises: the tile carries what is wrong, in words, and the others are listed."""
    write_jp2(tmp_path / "good.jp2")
    (tmp_path / "empty.jp2").touch()
    (tmp_path / "text.jp2").write_text("this is text")
    problems = {tile.id: tile.problem for tile in listed(tmp_path)}
    assert problems["good.jp2"] is None
    assert "0 bytes" in (problems["empty.jp2"] or "")
    assert "not JPEG2000" in (problems["text.jp2"] or "")


def test_a_cut_image_keeps_its_footprint(tmp_path: Path) -> None:
    """An image that ends too early still says where it lies: that ground is reported as not assessed."""
    path = write_jp2(tmp_path / "a.jp2", width=512)
    path.write_bytes(path.read_bytes()[:-500])
    tile = listed(tmp_path)[0]
    assert "cut short" in (tile.problem or "")
    assert tile.grid is not None
    assert tile.grid.width_px == 512


def test_a_list_names_its_images(tmp_path: Path) -> None:
    """Lines are absolute or below the list's folder; comments and blank lines are skipped, a repeated line once."""
    for name in ("set/x/a.jp2", "set/y/a.jp2"):
        write_jp2(tmp_path / name)
    listing = tmp_path / "images.txt"
    listing.write_text(f"# frames\nset/x/a.jp2\n\n{tmp_path}/set/y/a.jp2\nset/x/a.jp2\n")
    assert [tile.id for tile in listed(listing)] == ["x/a.jp2", "y/a.jp2"]


def test_a_missing_file_in_a_list_costs_one_tile(tmp_path: Path) -> None:
    """The list's other images are not lost, and the missing one is named."""
    write_jp2(tmp_path / "a.jp2")
    listing = tmp_path / "images.txt"
    listing.write_text("a.jp2\ngone.jp2\n")
    good, gone = listed(listing)
    assert good.problem is None
    assert "gone.jp2: does not exist" in (gone.problem or "")


def test_ids_of_a_list_are_below_the_common_parent() -> None:
    """The common parent is a folder, not a common start of names; other buckets than the first are prefixed."""
    assert listed_ids(["/d/b1/x.jp2", "/d/b2/x.jp2"]) == ["b1/x.jp2", "b2/x.jp2"]
    assert listed_ids(["s3://one/p/x.jp2", "s3://one/p/y.jp2", "s3://two/q/x.jp2"]) == ["x.jp2", "y.jp2", "two/x.jp2"]
    assert listed_ids(["/d/only.jp2"]) == ["only.jp2"]


def test_images_of_several_buckets_never_share_an_id() -> None:
    """Where a folder of the first bucket is named like another bucket, all are prefixed: no tile is lost."""
    ids = listed_ids(["s3://one/two/x.jp2", "s3://one/y.jp2", "s3://two/q/x.jp2"])
    assert ids == ["one/two/x.jp2", "one/y.jp2", "two/x.jp2"]
    assert listed_ids(["/d/x.jp2", "s3://local/x.jp2"]) == ["x.jp2", "local/x.jp2"]


def test_a_list_in_s3_names_images_above_itself(s3_bucket: str, tmp_path: Path) -> None:
    """``..`` in a line is the folder above, as in a local list; in a key it is but a name, and harms no run."""
    image = write_jp2(tmp_path / "a.jp2").read_bytes()
    for key in ("set/a.jp2", "set/x/../b.jp2"):
        boto3.client("s3").put_object(Bucket=storage.name(s3_bucket), Key=key, Body=image)
    storage.write_bytes(f"{s3_bucket}/lists/images.txt", b"../set/a.jp2\n")
    assert [tile.problem for tile in listed(f"{s3_bucket}/lists/images.txt")] == [None]
    assert [tile.id for tile in listed(f"{s3_bucket}/set")] == ["a.jp2", "x/_/b.jp2"]


@pytest.mark.parametrize("name", ["missing", "missing.txt"])
def test_a_dataset_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    """A folder or list that does not exist is said so, with its name."""
    with pytest.raises(DatasetNotFound, match=name):
        listed(tmp_path / name)


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    """A folder without images, and a list without lines, say that there is nothing to do."""
    listing = tmp_path / "images.txt"
    listing.write_text("# none\n")
    with pytest.raises(EmptyDataset, match="names no image"):
        listed(listing)
    with pytest.raises(EmptyDataset, match=r"holds no \.jp2"):
        listed(tmp_path)


NAMES = ["north/t.jp2", "North/t.jp2", "North/t.j2w", "a.jp2", "A.jp2", "A.J2W", "b.JP2", "B.j2w", "c.jp2", "c.jp2w"]


def test_a_list_and_a_folder_agree_on_sidecars(place: str, tmp_path: Path) -> None:
    """Files that differ in case keep their own sidecars, locally and in S3, listed or found."""
    image = write_jp2(tmp_path / "plain" / "x.jp2", crs=None).read_bytes()
    for name in NAMES:
        storage.write_bytes(f"{place}/{name}", image if name.lower().endswith("jp2") else WORLD_FILE.encode())
    images = [name for name in NAMES if name.lower().endswith("jp2")]
    storage.write_bytes(f"{place}/all.txt", "\n".join(images).encode())
    found = listed(place, crs="EPSG:7855")
    own = {tile.id: [uri.removeprefix(f"{place}/") for uri in tile.sidecars] for tile in found}
    assert own == {
        "north/t.jp2": [],
        "North/t.jp2": ["North/t.j2w"],
        "a.jp2": [],
        "A.jp2": ["A.J2W"],
        "b.JP2": ["B.j2w"],
        "c.jp2": ["c.jp2w"],
    }
    assert listed(f"{place}/all.txt", crs="EPSG:7855") == found
    assert [tile.id for tile in found if "no transform" in (tile.problem or "")] == ["a.jp2", "north/t.jp2"]


def test_a_dataset_of_one_image_has_its_sidecar(tmp_path: Path) -> None:
    """The image is the same tile whether its folder or itself is the dataset."""
    write_jp2(tmp_path / "a.jp2", crs=None)
    (tmp_path / "a.j2w").write_text(WORLD_FILE)
    assert listed(tmp_path / "a.jp2", crs="EPSG:7855") == listed(tmp_path, crs="EPSG:7855")


@pytest.mark.parametrize("text", [WORLD_FILE.replace("300000", "300 000"), "no numbers", WORLD_FILE[:20]])
def test_a_world_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    """Whoever put it there is told that it does not do; the image is not placed at 0."""
    write_jp2(tmp_path / "a.jp2", crs=None)
    (tmp_path / "a.j2w").write_text(text)
    assert "its world file a.j2w cannot be read" in (listed(tmp_path, crs="EPSG:7855")[0].problem or "")


def test_a_world_file_from_a_windows_editor_places_its_image(tmp_path: Path) -> None:
    """The byte-order mark is no part of the first number."""
    write_jp2(tmp_path / "a.jp2", crs=None)
    (tmp_path / "a.j2w").write_text(WORLD_FILE, encoding="utf-8-sig")
    grid = listed(tmp_path, crs="EPSG:7855")[0].grid
    assert grid is not None
    assert grid.transform == pytest.approx((0.15, 0, 300000, 0, -0.15, 6600000))


@pytest.mark.parametrize("tail", [b"", b"end"], ids=["to the last box", "beyond the last box"])
def test_a_huge_file_is_refused_by_its_header(tmp_path: Path, tail: bytes) -> None:
    """A sparse file of a terabyte is not read to its end to find out what it is; its ground is known."""
    path = write_jp2(tmp_path / "a.jp2")
    data = path.read_bytes()
    at = data.index(b"jp2c") - 4
    if not tail:
        path.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    os.truncate(path, 1 << 40)
    (tile,) = listed(tmp_path)
    assert tile.problem is not None
    assert tile.grid is not None


def test_more_bytes_than_pixels_can_need_are_refused(tmp_path: Path) -> None:
    """Metadata that nobody needs is not hashed for minutes."""
    path = write_jp2(tmp_path / "a.jp2")
    data = path.read_bytes()
    at, size = data.index(b"jp2c") - 4, 1 << 36
    with path.open("wb") as file:
        file.write(data[:at] + (1).to_bytes(4, "big") + b"free" + size.to_bytes(8, "big"))
        file.seek(size - 16, os.SEEK_CUR)
        file.write(data[at:])
    assert "bytes are too many for 64 x 48 px" in (listed(tmp_path)[0].problem or "")


def test_a_refused_frame_has_another_identity_once_it_is_mended(tmp_path: Path) -> None:
    """Nothing that was found of the broken one is found of the mended one; it needs no reading for that."""
    path = write_jp2(tmp_path / "a.jp2")
    good = listed(tmp_path)[0].content_hash
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    broken = listed(tmp_path)[0]
    assert listed(tmp_path)[0] == broken
    path.write_bytes(data[:-99])
    assert len({good, broken.content_hash, listed(tmp_path)[0].content_hash}) == 3


def test_a_sidecar_of_absurd_size_costs_its_tile(tmp_path: Path) -> None:
    """It would be read into memory."""
    write_jp2(tmp_path / "a.jp2")
    (tmp_path / "a.jp2.aux.xml").touch()
    os.truncate(tmp_path / "a.jp2.aux.xml", 1 << 40)
    assert "too many for a sidecar" in (listed(tmp_path)[0].problem or "")


def test_a_name_that_is_not_utf_8_is_to_be_mended(tmp_path: Path) -> None:
    """Neither GDAL nor JSON can carry it: the tile says so, spelled in letters that both can, and others are listed."""
    write_jp2(tmp_path / "good.jp2")
    write_jp2(tmp_path / "x.jp2").replace(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcnchen.jp2"))
    bad, good = listed(tmp_path)
    assert good.problem is None
    assert bad.id == r"M\xfcnchen.jp2"
    assert "its name is not UTF-8. Rename it" in (bad.problem or "")


def test_ids_that_are_cleaned_alike_stay_two(s3_bucket: str) -> None:
    """A key in S3 may hold ``..`` beside the name that it is shown as."""
    for key in ("set/x/../b.jp2", "set/x/_/b.jp2"):
        boto3.client("s3").put_object(Bucket=storage.name(s3_bucket), Key=key, Body=b"no image")
    assert len({tile.id for tile in listed(f"{s3_bucket}/set")}) == 2


def test_a_frame_written_while_it_is_listed_is_not_taken(tmp_path: Path) -> None:
    """Header and content would be of two frames."""
    path = write_jp2(tmp_path / "a.jp2")
    found = FrameFiles(storage.info(str(path)), ())
    write_jp2(path)
    tile = probe_tile(Entry("a.jp2", str(path), lambda: found), crs=None, max_pixels=10**6)
    assert "changed while the run was under way" in (tile.problem or "")
