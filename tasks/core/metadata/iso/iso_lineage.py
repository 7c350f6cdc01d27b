"""How a product came about, and how complete it is, in ISO 19115-3 and ISO 19157-2."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from tasks.core.metadata.descriptions import lineage, share_not_assessed
from tasks.core.metadata.iso.iso_citations import captured, citation, distance_m, identifier_node, online
from tasks.core.metadata.iso.iso_elements import code, node, text, valued
from tasks.core.metadata.resource import Resource, published_uri
from tasks.core.product.edition import Edition, Source

SOFTWARE = "flood-extent"
PERCENT = 100


def resource_lineage(resource: Resource) -> Element:
    """``mrl:LI_Lineage``: a statement, a source a frame, a step a stage."""
    return node(
        "mrl:LI_Lineage",
        text("mrl:statement", lineage(resource)),
        *(node("mrl:source", _source(frame)) for frame in resource.frames),
        *(node("mrl:processStep", step) for step in _steps(resource)),
    )


def data_quality(resource: Resource) -> Element:
    """``mdq:DQ_DataQuality``: what was not assessed. How right the rest is, nobody has measured."""
    share = share_not_assessed(resource)
    known = None if share is None else node("mdq:result", _percent(share))
    statement = text("mdq:statement", f"{resource.areas['not_assessed_ha']:,.4f} ha were not assessed.")
    return node(
        "mdq:DQ_DataQuality",
        node("mdq:scope", node("mcc:MD_Scope", code("mcc:level", "mcc:MD_ScopeCode", "dataset"))),
        node(
            "mdq:report",
            node(
                "mdq:DQ_CompletenessOmission",
                node("mdq:measure", node("mdq:DQ_MeasureReference", text("mdq:nameOfMeasure", "Area not assessed"))),
                known,
                node("mdq:result", node("mdq:DQ_DescriptiveResult", statement)),
            ),
        ),
    )


def _percent(share: float) -> Element:
    value = node("gco:Record")
    value.text = f"{share * PERCENT:.4f}"
    kind = valued("mdq:valueRecordType", "gco:RecordType", "percent of the area that the frames cover")
    return node("mdq:DQ_QuantitativeResult", node("mdq:value", value), kind)


def _source(frame: Source) -> Element:
    about = f"Aerial frame, near infrared, red and green; {frame.phase.value}"
    sensor = f"; {frame.sensor}" if frame.sensor else ""
    return node(
        "mrl:LI_Source",
        text("mrl:description", about + sensor),
        None if frame.gsd_m is None else distance_m("mrl:sourceSpatialResolution", frame.gsd_m),
        node("mrl:sourceCitation", _frame(frame)),
    )


def _frame(frame: Source) -> Element:
    content, uri = frame.content_hash, published_uri(frame)
    return citation(
        frame.tile,
        None if frame.captured is None else captured("cit:date", frame.captured),
        node("cit:identifier", identifier_node(content, None, "Content hash")) if content else None,
        None if uri is None else node("cit:onlineResource", online(uri, frame.tile, None)),
    )


def _steps(resource: Resource) -> Iterator[Element]:
    edition, version = resource.edition, resource.versions.get(SOFTWARE)
    software = None if version is None else node("mrl:reference", citation(SOFTWARE, text("cit:edition", version)))
    model = node("mrl:reference", citation(edition.model_id))
    yield _step("Each frame is shrunk to the mapped pixel; padding and no-data are left out.", software)
    yield _step(f"The model {edition.model_id} labels every pixel.", model)
    yield _step("The labels are traced to polygons, and these joined across the edges of the frames.", software)
    yield from _checks(edition)


def _checks(edition: Edition) -> Iterator[Element]:
    """What people did."""
    if edition.valid_stat != "not validated":
        yield _step(f"The extent is {edition.valid_stat} by a person.", None)


def _step(description: str, reference: Element | None) -> Element:
    return node("mrl:LI_ProcessStep", text("mrl:description", description), reference)
