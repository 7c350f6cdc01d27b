"""The top of the page: whose product it is, its figures, and how they are to be read."""

from collections.abc import Sequence

import numpy as np

from tasks.core.formats.weaknesses import known_weaknesses
from tasks.core.product.edition import CaptureTime, Edition
from tasks.core.product.layer import Layer
from tasks.core.product.mapped_pixel import pixel_text
from tasks.core.reports.html.elements import M2_PER_HECTARE, items, paragraph, section, text
from tasks.core.reports.html.signs import NORMAL_WATER, TRACE
from tasks.core.reports.run_json import RunRecord

NO_TIME = "time of capture not known"
# On screens and paper alike: where nobody looked there is no "no".
RULES = (
    "No flood means something only inside the area observed (white outline): there the model looked and found none.",
    "Hatched ground is not assessed, and blank ground is in no frame: whether it is flooded, nobody knows.",
)


def heading(record: RunRecord, edition: Edition) -> str:
    """Title, time of capture, release and state."""
    event = edition.event
    named = [event.id, event.type.partition("-")[2] or event.type, event.subtype]
    about = [
        " · ".join(one for one in named if one),
        f"Frames: {captured(edition)}",
        f"Release {edition.release}" + (f": {edition.release_reason}" if edition.release_reason else ""),
        edition.valid_stat,
        record["state"],
    ]
    marks = "".join(f"<li>{text(one)}</li>" for one in about if one)
    return f'<h1>Flood extent: {text(edition.title)}</h1>\n<ul class="marks">{marks}</ul>\n'


def captured(edition: Edition) -> str:
    """When the frames were taken, how finely that is known, and from where."""
    if edition.captured is None:
        return NO_TIME
    first, last = edition.captured
    times = list(dict.fromkeys([moment(first), moment(last)]))
    origins = dict.fromkeys(time.origin.value for time in edition.captured)
    unknown = sum(source.captured is None for source in edition.sources)
    rest = f"; {unknown:,} frame{'' if unknown == 1 else 's'} without a time" if unknown else ""
    return f"{' to '.join(times)} (known to the {first.precision}, from {' and '.join(origins)}{rest})"


def moment(time: CaptureTime) -> str:
    """``2021-04-03 01:31Z``, as far as it is known."""
    return f"{time.date} {time.time}" if time.time else time.date


def figures(record: RunRecord, layers: Sequence[Layer]) -> str:
    """What was found, what was looked at, and what was not, as large figures."""
    totals, counts = record["totals"], record["counts"]
    without = counts["failed"] + counts["dropped"]
    shown = [
        ("flooded", "Flooded", _ha(totals["flooded_ha"])),
        *_classes(layers),
        ("observed", "Observed", _ha(totals["observed_ha"])),
        ("missed" if totals["not_assessed_ha"] else "", "Not assessed", _ha(totals["not_assessed_ha"])),
        ("", "Tiles answered", f"{counts['done']:,} of {counts['tiles']:,}"),
        ("missed" if without else "", "Tiles without an answer", f"{without:,}"),
        ("", "Mapped pixel", pixel_text(record["mapped_pixel_m"]) or "none"),
    ]
    cards = "".join(
        f'<div class="{kind}"><dt>{text(name)}</dt><dd>{text(value)}</dd></div>' for kind, name, value in shown
    )
    return f'<dl class="figures">{cards}</dl>\n'


def _classes(layers: Sequence[Layer]) -> list[tuple[str, str, str]]:
    """Normal water and trace, where the product tells them from flood."""
    names = {NORMAL_WATER: "Normal water", TRACE: "Flood trace"}
    return [
        (base, name, _ha(area_m2(layers, base) / M2_PER_HECTARE))
        for base, name in names.items()
        if any(layer.base == base for layer in layers)
    ]


def area_m2(layers: Sequence[Layer], base: str) -> float:
    """Area of a kind of layer over all CRSs, square metres."""
    return sum(float(np.nansum(layer.columns["area_m2"])) for layer in layers if layer.base == base)


def _ha(hectares: float) -> str:
    return f"{hectares:,.2f} ha"


def rules() -> str:
    """How map and figures are to be read."""
    return f'<div class="rules">{paragraph(*RULES)}</div>\n'


def weaknesses(layers: Sequence[Layer], edition: Edition) -> str:
    """What map and figures do not say."""
    clipped = (f"The product ends at the area of interest, {edition.area_of_interest}.",)
    lines = [*known_weaknesses(layers, edition), *(clipped if edition.area_of_interest else ())]
    return section("weaknesses", "What to know before using it", items(lines))
