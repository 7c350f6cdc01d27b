"""A product as a STAC 1.1 item.

Extensions: projection 2.0, classification 2.0, processing 1.2, file 2.1, table 1.2, version 1.2 and, where the country
is known, Monty 1.3 (``monty.py``). What none of them has a field for begins with ``flood_extent:``.
"""

import json
from typing import Any

import shapely
from pystac import Asset, Item, MediaType

from tasks.core.metadata.descriptions import identifier
from tasks.core.metadata.resource import Resource
from tasks.core.metadata.stac.item_assets import CLASSIFICATION, FILE, TABLE, asset_of
from tasks.core.metadata.stac.item_links import links_of
from tasks.core.metadata.stac.item_properties import item_properties, moment
from tasks.core.metadata.stac.monty import MONTY
from tasks.core.metadata.stac.projection import PROJECTION

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
VERSION = "https://stac-extensions.github.io/version/v1.2.0/schema.json"
# By how the fields of an extension begin.
EXTENSIONS = {
    "classification:": CLASSIFICATION,
    "file:": FILE,
    "monty:": MONTY,
    "processing:": PROCESSING,
    "proj:": PROJECTION,
    "table:": TABLE,
    "version": VERSION,
}
# Written last: it holds the hashes of the other files, and one of itself, so that none of it can be known here.
RUN_RECORD = "run.json"


def stac_item(resource: Resource) -> dict[str, Any]:
    """The item, as JSON holds it; addresses of files are relative to it. The same resource gives the same item.

    Where nothing says when the frames were taken, ``datetime`` is when the product was made, for STAC needs one:
    ``flood_extent:capture_precision`` is then ``unknown``.
    """
    place = resource.place
    item = Item(
        id=identifier(resource.edition),
        geometry=None if place is None else dict(shapely.geometry.mapping(place.geometry)),
        bbox=None if place is None else list(place.bbox),
        datetime=moment(resource.edition),
        properties=item_properties(resource),
    )
    item.add_asset(RUN_RECORD, Asset(f"./{RUN_RECORD}", "Record of the run", None, MediaType.JSON, ["metadata"]))
    for file in resource.main_files:
        item.add_asset(file.path, asset_of(file, resource.layers))
    item.add_links(links_of(resource))
    item.stac_extensions = _extensions([item.properties, *(asset.extra_fields for asset in item.assets.values())])
    plain: dict[str, Any] = json.loads(json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False)))
    return plain


def to_json(item: dict[str, Any]) -> bytes:
    """The bytes of ``item.json``: ASCII only, as a name on disk need not be valid text."""
    return json.dumps(item, indent=2, allow_nan=False).encode() + b"\n"


def _extensions(fields: list[dict[str, Any]]) -> list[str]:
    """Those of which a field is there."""
    names = [name for some in fields for name in some]
    return sorted(uri for start, uri in EXTENSIONS.items() if any(name.startswith(start) for name in names))
