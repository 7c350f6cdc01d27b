"""A product's metadata as ISO 19115-3:2016 XML, for AS/NZS ISO 19115.1:2015, which ANZLIC recommends.

The order of elements is that of the standard's schemas, with the namespaces of its edition of 2018 (``mdb`` 2.0).
"""

from xml.etree.ElementTree import Element

from tasks.core.metadata.descriptions import identifier
from tasks.core.metadata.iso.iso_citations import citation, dated, identifier_node, responsibility
from tasks.core.metadata.iso.iso_distribution import distribution, reference_systems, vector_representation
from tasks.core.metadata.iso.iso_elements import code, document, missing, node, text
from tasks.core.metadata.iso.iso_identification import identification, locale
from tasks.core.metadata.iso.iso_lineage import data_quality, resource_lineage
from tasks.core.metadata.resource import Resource

STANDARD, STANDARD_EDITION = "AS/NZS ISO 19115.1", "2015"
DATASET = "dataset"


def iso_xml(resource: Resource) -> bytes:
    """The document, UTF-8. The same resource gives the same bytes.

    Where nobody is to be named, ``mdb:contact``, which must be there, says that it is missing.
    """
    edition = resource.edition
    vector = vector_representation(resource)
    who = edition.attribution
    return document(
        node(
            "mdb:MD_Metadata",
            node("mdb:metadataIdentifier", identifier_node(f"{identifier(edition)}-metadata")),
            node("mdb:defaultLocale", locale()),
            node("mdb:metadataScope", _scope(resource)),
            missing("mdb:contact") if who is None else node("mdb:contact", responsibility(who, "pointOfContact")),
            dated("mdb:dateInfo", edition.made, "creation"),
            node("mdb:metadataStandard", citation(STANDARD, text("cit:edition", STANDARD_EDITION))),
            None if vector is None else node("mdb:spatialRepresentationInfo", vector),
            *(node("mdb:referenceSystemInfo", system) for system in reference_systems(resource)),
            node("mdb:identificationInfo", identification(resource)),
            node("mdb:distributionInfo", distribution(resource)),
            node("mdb:dataQualityInfo", data_quality(resource)),
            node("mdb:resourceLineage", resource_lineage(resource)),
        )
    )


def _scope(resource: Resource) -> Element:
    level = code("mdb:resourceScope", "mcc:MD_ScopeCode", DATASET)
    return node("mdb:MD_MetadataScope", level, text("mdb:name", resource.edition.title))
