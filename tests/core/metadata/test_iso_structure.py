"""ISO 19115-3 metadata against the structure of the standard's schemas."""

from typing import Any

import pytest
from described import edition, frame, layers, resource
from iso_structure import structure_faults
from lxml import etree

from tasks.core.metadata.iso.iso_xml import iso_xml
from tasks.core.product.edition import Event
from tasks.core.product.layer import Layer

SCENES: dict[str, dict[str, Any]] = {
    "all": {},
    "little": {
        "sources": (frame(1, None, gsd_m=None, sensor=None, content_hash="", uri="/data/a.jp2"),),
        "event": Event(),
        "licence": None,
        "attribution": None,
        "previous_hash": None,
        "release_reason": None,
        "release": 1,
    },
    "minutes": {"sources": (frame(1, "2022-02-28T01:31Z"), frame(2, "2022-03")), "licence": "Free for relief work"},
    "reviewed": {"valid_stat": "reviewed", "name": "洪水 \x1b[31m <&>"},
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_document_has_the_structure_of_the_schemas(scene: str) -> None:
    """Catalogues refuse a record whose elements are out of order, missing, too many, or hold the wrong thing."""
    assert structure_faults(etree.fromstring(iso_xml(resource(**SCENES[scene])))) == []


def test_a_product_in_two_crss_has_two_reference_systems() -> None:
    """Each is named with its code, and nothing else changes."""
    two = [*layers("EPSG:7855"), *layers("EPSG:7856")]
    root = etree.fromstring(iso_xml(resource(made_of=two)))
    assert structure_faults(root) == []
    codes = root.xpath("//mrs:referenceSystemIdentifier//mcc:code/gco:CharacterString/text()", namespaces=root.nsmap)
    assert codes == ["7855", "7856"]


def test_a_product_without_ground_has_no_box() -> None:
    """None is made up."""
    root = etree.fromstring(
        iso_xml(resource(made_of=[Layer("tiles", "MultiPolygon", None, layers()[0].geometries[:0], {})]))
    )
    assert structure_faults(root) == []
    assert not root.xpath("//gex:EX_GeographicBoundingBox", namespaces=root.nsmap)


@pytest.mark.parametrize(
    "fault",
    [
        lambda root: root.remove(root[0]) or root.append(root[0]),
        lambda root: root.find(".//{*}status")[0].__setattr__("tag", root.find(".//{*}citation").tag),
        lambda root: root.find(".//{*}CI_Date").append(root.find(".//{*}title")),
        lambda root: root.find(".//{*}Decimal").__setattr__("text", "1e5"),
    ],
    ids=["order", "value", "number", "text"],
)
def test_the_table_findsstructure_faults(fault: Any) -> None:
    """A check that finds nothing says nothing."""
    root = etree.fromstring(iso_xml(resource()))
    fault(root)
    assert structure_faults(root)


def test_the_rules_that_schemas_cannot_say_hold() -> None:
    """ISO's Schematron: a creation date, a topic and a box, restrictions in words, names of scope and parties."""
    for changes in SCENES.values():
        root = etree.fromstring(iso_xml(resource(**changes)))
        for path in (
            "mdb:dateInfo/cit:CI_Date[cit:dateType/*/@codeListValue='creation']/cit:date/gco:DateTime",
            "//mri:topicCategory",
            "//gex:EX_GeographicBoundingBox",
            "//mco:useConstraints/../mco:otherConstraints",
            "mdb:metadataScope/mdb:MD_MetadataScope/mdb:name",
        ):
            assert root.xpath(path, namespaces=root.nsmap), path
        assert not root.xpath("//cit:CI_Organisation[not(cit:name)]", namespaces=root.nsmap)


def test_the_same_product_gives_the_same_bytes() -> None:
    """A release can be made again and compared."""
    assert iso_xml(resource()) == iso_xml(resource(weaknesses=edition().weaknesses))
