"""Links of a STAC item: the frames that a product was made of, the release before, the licence."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

from pystac import Link, RelType

from tasks.core.metadata.resource import Resource, published_uri, spdx_id, spdx_page
from tasks.core.product.edition import Edition, Source
from tasks.core.text import safe_text

PREDECESSOR = "predecessor-version"
WEB_PAGE = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;)]")


def links_of(resource: Resource) -> list[Link]:
    """All links."""
    return [*_licence(resource.edition), *_predecessor(resource.edition), *map(_frame, resource.frames)]


def _frame(frame: Source) -> Link:
    """Where a frame is; of one on a local disk only its name below the dataset."""
    href = published_uri(frame) or quote(safe_text(frame.tile))
    facts = {
        "flood_extent:src_id": frame.src_id,
        "flood_extent:content_hash": frame.content_hash or None,
        "flood_extent:captured": frame.captured.date if frame.captured else None,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return Link(RelType.DERIVED_FROM, href, title=safe_text(frame.tile), extra_fields=known)


def _licence(edition: Edition) -> Iterator[Link]:
    identifier = spdx_id(edition.licence)
    page = WEB_PAGE.search(edition.licence or "")
    if identifier is not None:
        yield Link(RelType.LICENSE, spdx_page(identifier), title=identifier)
    elif page is not None:
        yield Link(RelType.LICENSE, page[0], title=safe_text(edition.licence))


def _predecessor(edition: Edition) -> Iterator[Link]:
    """The release before by its content hash, named as in RFC 6920: where it is kept, nobody here knows."""
    if edition.previous_hash is not None:
        yield Link(PREDECESSOR, _named(edition.previous_hash), title=f"Release {edition.release - 1}")


def _named(sha256: str) -> str:
    return f"ni:///sha-256;{urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip('=')}"
