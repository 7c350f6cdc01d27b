"""Parts of ISO 19115-3 that stand in several places: citations, identifiers, responsibilities, times."""

from datetime import datetime
from xml.etree.ElementTree import Element

from tasks.core.metadata.capture_interval import CaptureInterval, utc
from tasks.core.metadata.iso.iso_elements import code, node, optional_text, text, valued
from tasks.core.product.edition import CaptureTime


def identifier_node(code_: str, space: str | None = None, description: str | None = None) -> Element:
    """An identifier, perhaps of a code space."""
    return node(
        "mcc:MD_Identifier",
        text("mcc:code", code_),
        optional_text("mcc:codeSpace", space),
        optional_text("mcc:description", description),
    )


def citation(title: str, *details: Element | None) -> Element:
    """A citation; details in the order of the schema, after the title."""
    return node("cit:CI_Citation", text("cit:title", title), *details)


def dated(tag: str, moment: datetime, kind: str) -> Element:
    """A date to the second, such as of ``creation``."""
    return _dated(tag, valued("cit:date", "gco:DateTime", utc(moment)), kind)


def captured(tag: str, time: CaptureTime) -> Element:
    """When a frame was made, no finer than it is known."""
    kind = "gco:Date" if time.time is None else "gco:DateTime"
    return _dated(tag, valued("cit:date", kind, position(time)), "creation")


def responsibility(organisation: str, role: str) -> Element:
    """What part an organisation has."""
    party = node("cit:CI_Organisation", text("cit:name", organisation))
    return node("cit:CI_Responsibility", code("cit:role", "cit:CI_RoleCode", role), node("cit:party", party))


def online(href: str, name: str, description: str | None, function: str = "download") -> Element:
    """Where something is to be had."""
    return node(
        "cit:CI_OnlineResource",
        text("cit:linkage", href),
        text("cit:name", name),
        optional_text("cit:description", description),
        code("cit:function", "cit:CI_OnLineFunctionCode", function),
    )


def distance_m(tag: str, metres: float) -> Element:
    """A spatial resolution, as a distance on the ground."""
    resolution = valued("mri:distance", "gco:Distance", f"{metres:.4g}", uom="m")
    return node(tag, node("mri:MD_Resolution", resolution))


def period(tag: str, interval: CaptureInterval | None) -> Element:
    """The time between two captures, no finer than they are known."""
    ends = ("gml:beginPosition", "gml:endPosition")
    if interval is None:
        positions = [node(end, indeterminatePosition="unknown") for end in ends]
    else:
        positions = [node(end) for end in ends]
        positions[0].text, positions[1].text = position(interval.first), position(interval.last)
    return node(tag, node("gml:TimePeriod", *positions, gml_id="captured"))


def position(time: CaptureTime) -> str:
    """ISO 8601 as ISO 19136 takes it: ``2021-04``, ``2021-04-03``, ``2021-04-03T01:31:00Z``."""
    return time.date if time.time is None else utc(time.start)


def _dated(tag: str, date: Element, kind: str) -> Element:
    return node(tag, node("cit:CI_Date", date, code("cit:dateType", "cit:CI_DateTypeCode", kind)))
