"""The metadata that lie beside a product: ``item.json`` and ``metadata.xml``."""

from collections.abc import Sequence
from pathlib import Path

from tasks.core.metadata.iso_xml import iso_xml
from tasks.core.metadata.resource import Resource, files_below
from tasks.core.metadata.stac_item import stac_item, to_json
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.reports.run_json import software_versions

ITEM, XML = "item.json", "metadata.xml"


def write_metadata(folder: Path, edition: Edition, layers: Sequence[Layer]) -> None:
    """Write both into the product's folder, about the files that are there.

    To be called once all data files, pictures and reports are written, before what holds the hashes of all files. The
    item lists ``metadata.xml``, too.

    Args:
        folder: Of the product.
        edition: Whose product it is, of what.
        layers: Of the product.
    """
    versions = software_versions()
    there = [file for file in files_below(folder) if file.path not in {ITEM, XML}]
    (folder / XML).write_bytes(iso_xml(Resource(edition, layers, there, versions)))
    there = [file for file in files_below(folder) if file.path != ITEM]
    (folder / ITEM).write_bytes(to_json(stac_item(Resource(edition, layers, there, versions))))
