"""Sentences about a product: abstract, weaknesses, lineage."""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import sha256

import shapely

from tasks.core.formats.weaknesses import known_weaknesses
from tasks.core.metadata.capture_interval import capture_interval
from tasks.core.metadata.resource import Resource
from tasks.core.product.edition import Edition
from tasks.core.product.mapped_pixel import mapped_pixel_m, pixel_text

PURPOSE = "To show emergency services, planners and insurers where there was flood, and where nobody knows."
NO_LICENCE = "No licence is stated."
KEYWORDS = ("flood", "flood extent", "emergency mapping", "aerial imagery")
HASH_DIGITS = 8


def identifier(edition: Edition) -> str:
    """A release's own name, the same from run to run: letters, digits, ``.``, ``_`` and ``-``: ``lismore_2022-r1``."""
    ascii_name = unicodedata.normalize("NFKD", edition.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^\w.-]+", "-", ascii_name).strip("-.")
    if not edition.name.isascii():  # other scripts leave nothing, or what another name leaves, too
        digest = sha256(edition.name.encode(errors="surrogatepass")).hexdigest()
        slug = f"{slug}-{digest[:HASH_DIGITS]}".strip("-")
    return f"{slug or 'product'}-r{edition.release}"


def title(edition: Edition) -> str:
    """``Flood extent: Lismore, February 2022``."""
    return f"Flood extent: {edition.title}"


def abstract(resource: Resource) -> str:
    """What a product is, what of it was seen, and when."""
    areas, frames = resource.areas, len(resource.frames)
    pixel = pixel_text(mapped_pixel_m(resource.layers))
    return " ".join(
        [
            f"Flooded ground, mapped from {frames:,} aerial frames of near infrared, red and green.",
            when(resource.edition),
            f"{areas['flooded_ha']:,.2f} ha are flooded of {areas['observed_ha']:,.2f} ha that were observed.",
            f"{areas['not_assessed_ha']:,.2f} ha were not assessed.",
            "Only inside the area observed does ground beside the polygons mean that no flood was found.",
            *([f"Mapped pixels are {pixel} wide."] if pixel else []),
        ]
    )


def when(edition: Edition) -> str:
    """When the frames were taken, and of how many of them that is known."""
    interval = capture_interval(edition)
    if interval is None:
        return "Time of capture: unknown."
    known = "" if interval.known == interval.frames else f", known of {interval.known:,} of {interval.frames:,} frames"
    return f"Time of capture{known}: {interval.text}."


def weaknesses(resource: Resource) -> list[str]:
    """What a reader must know, a sentence or two each: those of the edition, and those that follow from the layers."""
    known = known_weaknesses(resource.layers, resource.edition)
    return list(dict.fromkeys([*known, *_unseen(resource), *_unchecked(resource)]))


def _unseen(resource: Resource) -> Iterator[str]:
    """Where nobody knows whether there was flood."""
    missing_ha = resource.areas["not_assessed_ha"]
    tiles = [layer.geometries for layer in resource.layers if layer.base == "tiles"]
    unplaced = sum(int(shapely.is_missing(places).sum()) for places in tiles)
    if missing_ha > 0:
        yield f"{missing_ha:,.2f} ha were not assessed: whether there is flood, nobody knows (layer not_assessed)."
    if unplaced:
        yield f"Frames without an answer, of which nobody knows what ground they show: {unplaced:,} (layer tiles)."


def _unchecked(resource: Resource) -> Iterator[str]:
    """What may be called flood and is none."""
    if resource.edition.valid_stat == "not validated":
        yield "The extent is not validated: nobody compared it with the ground."


def description(resource: Resource) -> str:
    """Abstract and weaknesses in one text, Markdown."""
    return "\n".join([abstract(resource), "", "Known weaknesses:", "", *(f"- {one}" for one in weaknesses(resource))])


def lineage(resource: Resource) -> str:
    """How a product came about."""
    edition = resource.edition
    checked = "" if edition.valid_stat == "not validated" else f" Then it was {edition.valid_stat} by a person."
    reason = f" Release {edition.release}: {edition.release_reason}" if edition.release_reason else ""
    return (
        f"{edition.det_method} from {len(resource.frames):,} frames, each shrunk to the mapped pixel and labelled by "
        f"the model {edition.model_id}; the labels were traced to polygons and joined across the edges of the frames."
        f"{checked}{reason}"
    )


def share_not_assessed(resource: Resource) -> float | None:
    """Of the ground that frames cover, 0 to 1; None where it is not known."""
    areas = resource.areas
    covered = areas["observed_ha"] + areas["not_assessed_ha"]
    return areas["not_assessed_ha"] / covered if covered else None
