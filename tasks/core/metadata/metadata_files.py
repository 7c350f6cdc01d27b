"""The metadata that lie beside a product: ``item.json`` and ``metadata.xml``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tasks.core.metadata.iso.iso_xml import iso_xml
from tasks.core.metadata.resource import Resource, file_at, files_below
from tasks.core.metadata.stac.stac_item import stac_item, to_json
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.reports.run_json import software_versions

ITEM, XML = "item.json", "metadata.xml"


def write_metadata(folder: Path, edition: Edition, layers: Sequence[Layer], countries: Sequence[str] = ()) -> None:
    """Write both into the product's folder, about the files that are there.

    To be called once all data files, pictures and reports are written, before what holds the hashes of all files. The
    item lists ``metadata.xml``, too.

    Args:
        folder: Of the product.
        edition: Whose product it is, of what.
        layers: Of the product.
        countries: Of the event, ISO 3166-1 alpha-3; where none is given, that of a GLIDE number as its id.

    Raises:
        UnusableArgument: A country is not a code of three capitals.
    """
    there = [file for file in files_below(folder) if file.path not in {ITEM, XML}]
    resource = Resource.of(edition, layers, there, software_versions(), countries)
    (folder / XML).write_bytes(iso_xml(resource))
    complete = replace(resource, files=[*there, file_at(folder / XML, XML)])
    (folder / ITEM).write_bytes(to_json(stac_item(complete)))
