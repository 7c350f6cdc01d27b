"""Metadata beside a product's files."""

import hashlib
import json
from pathlib import Path

from described import FILES, edition, layers, make_files
from lxml import etree

from tasks.core.metadata.metadata_files import write_metadata


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_main_file_is_listed_with_the_hash_that_it_has(tmp_path: Path) -> None:
    """Whoever holds the item can check the product, the XML beside it, too."""
    make_files(tmp_path)
    write_metadata(tmp_path, edition(), layers())
    assets = json.loads((tmp_path / "item.json").read_bytes())["assets"]
    hashed = {name: asset["file:checksum"][4:] for name, asset in assets.items() if "file:checksum" in asset}
    assert hashed == {name: _hash(tmp_path / name) for name in hashed}
    assert set(hashed) == {name for name in FILES if "tiles" not in name and not name.endswith(".dbf")} | {
        "metadata.xml"
    }


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    """A retry finds the files of the first try there: they are not described as data."""
    make_files(tmp_path)
    write_metadata(tmp_path, edition(), layers())
    first = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    write_metadata(tmp_path, edition(), layers())
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == first


def test_both_name_the_same_release(tmp_path: Path) -> None:
    """The record of the XML is found from the item, and the other way round."""
    make_files(tmp_path)
    write_metadata(tmp_path, edition(), layers(), ["NZL"])
    item = json.loads((tmp_path / "item.json").read_bytes())
    root = etree.parse(tmp_path / "metadata.xml").getroot()
    path = "//mri:citation/cit:CI_Citation/cit:identifier[1]//mcc:code/gco:CharacterString/text()"
    assert root.xpath(path, namespaces=root.nsmap) == [item["id"]] == ["lismore_2022-r2"]
    assert item["properties"]["monty:country_codes"] == ["NZL"]
