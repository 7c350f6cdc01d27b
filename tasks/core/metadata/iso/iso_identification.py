"""Identification of a product in ISO 19115-3: citation, abstract, extent, keywords, constraints."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from tasks.core.metadata.capture_interval import capture_interval, utc
from tasks.core.metadata.descriptions import KEYWORDS, NO_LICENCE, PURPOSE, abstract, identifier, title, weaknesses
from tasks.core.metadata.file_kinds import THUMBNAIL, kind_of, title_of
from tasks.core.metadata.footprint import Box
from tasks.core.metadata.hazards import hazard_of
from tasks.core.metadata.iso.iso_citations import (
    citation,
    dated,
    distance_m,
    identifier_node,
    online,
    period,
    responsibility,
)
from tasks.core.metadata.iso.iso_elements import code, node, optional_text, text, valued
from tasks.core.metadata.resource import Resource, spdx_id, spdx_page
from tasks.core.product.edition import Edition
from tasks.core.product.mapped_pixel import mapped_pixel_m

# ISO 19115-1, MD_TopicCategoryCode.
TOPICS = ("disaster", "inlandWaters")
# Codes of MD_RestrictionCode.
LICENSED = "licence"
OTHERWISE = "otherRestrictions"


def identification(resource: Resource) -> Element:
    """``mri:MD_DataIdentification``, its parts in the order of the schema."""
    edition = resource.edition
    return node(
        "mri:MD_DataIdentification",
        node("mri:citation", _citation(resource)),
        text("mri:abstract", abstract(resource)),
        text("mri:purpose", PURPOSE),
        optional_text("mri:credit", edition.attribution),
        code("mri:status", "mcc:MD_ProgressCode", "completed"),
        _point_of_contact(edition),
        *_representations(resource),
        *_resolutions(resource),
        *(valued("mri:topicCategory", "mri:MD_TopicCategoryCode", topic) for topic in TOPICS),
        node("mri:extent", _extent(resource)),
        node("mri:resourceMaintenance", _maintenance(edition)),
        *_graphic(resource),
        *_keywords(resource),
        node("mri:resourceConstraints", _constraints(resource)),
        *_release_before(edition),
        node("mri:defaultLocale", locale()),
    )


def locale() -> Element:
    """English, in UTF-8."""
    return node(
        "lan:PT_Locale",
        code("lan:language", "lan:LanguageCode", "eng"),
        code("lan:characterEncoding", "lan:MD_CharacterSetCode", "utf8"),
    )


def _citation(resource: Resource) -> Element:
    edition = resource.edition
    event = None if edition.event.id is None else identifier_node(edition.event.id, None, "Code of the event")
    who = edition.attribution
    return citation(
        title(edition),
        text("cit:alternateTitle", edition.name),
        dated("cit:date", edition.made, "creation"),
        text("cit:edition", edition.release),
        valued("cit:editionDate", "gco:DateTime", utc(edition.made)),
        node("cit:identifier", identifier_node(identifier(edition))),
        node("cit:identifier", identifier_node(resource.content_hash, None, "SHA-256 of the extent")),
        None if event is None else node("cit:identifier", event),
        None if who is None else node("cit:citedResponsibleParty", responsibility(who, "originator")),
        code("cit:presentationForm", "cit:CI_PresentationFormCode", "mapDigital"),
    )


def _point_of_contact(edition: Edition) -> Element | None:
    if edition.attribution is None:
        return None
    return node("mri:pointOfContact", responsibility(edition.attribution, "pointOfContact"))


def _representations(resource: Resource) -> Iterator[Element]:
    endings = {file.path.rpartition(".")[2] for file in resource.main_files}
    for kind in ("vector", *(["grid"] if "tif" in endings else [])):
        yield code("mri:spatialRepresentationType", "mcc:MD_SpatialRepresentationTypeCode", kind)


def _resolutions(resource: Resource) -> Iterator[Element]:
    pixel = mapped_pixel_m(resource.layers)
    if pixel is not None:
        yield distance_m("mri:spatialResolution", pixel[1])


def _extent(resource: Resource) -> Element:
    interval = capture_interval(resource.edition)
    place = None if resource.place is None else node("gex:geographicElement", _box(resource.place.bbox))
    time = node("gex:EX_TemporalExtent", period("gex:extent", interval))
    return node("gex:EX_Extent", place, node("gex:temporalElement", time))


def _box(box: Box) -> Element:
    west, south, east, north = box
    sides = {
        "westBoundLongitude": west,
        "eastBoundLongitude": east,
        "southBoundLatitude": south,
        "northBoundLatitude": north,
    }
    return node(
        "gex:EX_GeographicBoundingBox",
        *(valued(f"gex:{name}", "gco:Decimal", f"{degrees:.7f}") for name, degrees in sides.items()),
    )


def _maintenance(edition: Edition) -> Element:
    return node(
        "mmi:MD_MaintenanceInformation",
        code("mmi:maintenanceAndUpdateFrequency", "mmi:MD_MaintenanceFrequencyCode", "asNeeded"),
        optional_text("mmi:maintenanceNote", edition.release_reason),
    )


def _graphic(resource: Resource) -> Iterator[Element]:
    for file in resource.files:
        if file.path == THUMBNAIL:
            graphic = (text("mcc:fileName", f"./{file.path}"), text("mcc:fileDescription", title_of(file.path)))
            kind = text("mcc:fileType", kind_of(file.path).media_type)
            yield node("mri:graphicOverview", node("mcc:MD_BrowseGraphic", *graphic, kind))


def _keywords(resource: Resource) -> Iterator[Element]:
    event = resource.edition.event
    hazard = hazard_of(event)
    yield _keyword_list((*KEYWORDS, hazard.name), None)
    yield _keyword_list((hazard.undrr,), "UNDRR-ISC Hazard Information Profiles, 2025")
    yield _keyword_list((hazard.glide,), "GLIDE classification of disasters")
    yield _keyword_list((event.type, event.subtype), "Copernicus EMS, types of events")
    if resource.countries:
        yield _keyword_list(resource.countries, "ISO 3166-1 alpha-3", "place")


def _keyword_list(keywords: Sequence[str | None], thesaurus: str | None, kind: str = "theme") -> Element:
    source = None if thesaurus is None else node("mri:thesaurusName", citation(thesaurus))
    known = [text("mri:keyword", keyword) for keyword in keywords if keyword]
    type_ = code("mri:type", "mri:MD_KeywordTypeCode", kind)
    return node("mri:descriptiveKeywords", node("mri:MD_Keywords", *known, type_, source))


def _constraints(resource: Resource) -> Element:
    edition = resource.edition
    identifier_ = spdx_id(edition.licence)
    page = (
        None
        if identifier_ is None
        else node("cit:onlineResource", online(spdx_page(identifier_), identifier_, None, "information"))
    )
    return node(
        "mco:MD_LegalConstraints",
        *(text("mco:useLimitation", weakness) for weakness in weaknesses(resource)),
        None if identifier_ is None else node("mco:reference", citation(identifier_, page)),
        code("mco:useConstraints", "mco:MD_RestrictionCode", OTHERWISE if edition.licence is None else LICENSED),
        text("mco:otherConstraints", edition.licence or NO_LICENCE),
        None if edition.attribution is None else text("mco:otherConstraints", f"Attribution: {edition.attribution}"),
    )


def _release_before(edition: Edition) -> Iterator[Element]:
    if edition.previous_hash is not None:
        name = citation(
            title(edition),
            text("cit:edition", edition.release - 1),
            node("cit:identifier", identifier_node(edition.previous_hash, None, "SHA-256 of the extent")),
        )
        kind = code("mri:associationType", "mri:DS_AssociationTypeCode", "revisionOf")
        yield node("mri:associatedResource", node("mri:MD_AssociatedResource", node("mri:name", name), kind))
