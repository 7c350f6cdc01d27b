"""Listing a dataset: every image is accounted for, whatever is wrong with it."""

from pathlib import Path

import boto3
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from tasks.core.errors import DatasetNotFound, EmptyDataset
from tasks.core.records import Tile
from tasks.services import storage
from tasks.services.datasets import list_tiles, listed_ids

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
    """A sidecar places the image, and changing it changes the tile's content hash."""
    write_jp2(tmp_path / "a.jp2", crs=None)
    sidecar = tmp_path / "a.j2w"
    sidecar.write_text(WORLD_FILE)
    before = listed(tmp_path, crs="EPSG:7855")[0]
    sidecar.write_text(WORLD_FILE.replace("300000", "300001"))
    after = listed(tmp_path, crs="EPSG:7855")[0]
    assert before.sidecars == (str(sidecar),)
    assert before.grid is not None
    assert before.grid.transform[2] == pytest.approx(300000)
    assert before.content_hash != after.content_hash


def test_nodata_of_the_sidecar_is_carried_by_the_tile(tmp_path: Path) -> None:
    """What ``.aux.xml`` declares reaches the stages with the tile, and changes its content hash."""
    write_jp2(tmp_path / "a.jp2")
    before = listed(tmp_path)[0]
    bands = "".join(f'<PAMRasterBand band="{at}"><NoDataValue>255</NoDataValue></PAMRasterBand>' for at in (1, 2, 3))
    (tmp_path / "a.jp2.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    after = listed(tmp_path)[0]
    assert (before.nodata, after.nodata) == (None, (255, 255, 255))
    assert before.content_hash != after.content_hash


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
