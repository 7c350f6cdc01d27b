"""ISO 19115-3 metadata as OWSLib reads them, which many catalogues are built on."""

from typing import Any

import pytest
from described import PREVIOUS, SHA, edition, frame, resource
from lxml import etree
from owslib.iso3 import MD_Metadata

from tasks.core.metadata.iso.iso_xml import iso_xml
from tasks.core.product.edition import Event


def _read(**changes: Any) -> Any:
    return MD_Metadata(etree.fromstring(iso_xml(resource(**changes))))


def _texts(path: str, **changes: Any) -> list[str]:
    root = etree.fromstring(iso_xml(resource(**changes)))
    return [str(text) for text in root.xpath(path, namespaces=root.nsmap)]


def test_it_reads_what_the_product_is() -> None:
    """Identifier, title, dates, abstract, status, topics and keywords come back."""
    read = _read()
    (about,) = read.identification
    assert (read.identifier, read.languagecode, read.hierarchy) == ("lismore_2022-r2-metadata", "eng", "dataset")
    assert about.title == "Flood extent: Lismore, February 2022"
    assert about.uricode[0] == "lismore_2022-r2"
    assert [(date.date, date.type) for date in about.date] == [("2022-03-01T06:30:15Z", "creation")]
    assert "ha were not assessed" in about.abstract
    assert about.topiccategory == ["disaster", "inlandWaters"]
    words = {keyword.name for group in about.keywords for keyword in group.keywords}
    assert {"flood", "MH0604", "FL", "5-Flood", "AUS"} <= words


def test_it_reads_where_the_product_is() -> None:
    """The box is that of the ground observed, and the CRS has its code."""
    made_of = resource()
    (about,) = _read().identification
    assert made_of.place is not None
    box = [float(side) for side in (about.bbox.minx, about.bbox.miny, about.bbox.maxx, about.bbox.maxy)]
    assert box == pytest.approx(made_of.place.bbox, abs=1e-6)
    assert _read().referencesystem.code == "7855"


def test_it_reads_whose_the_product_is_and_what_is_wrong_with_it() -> None:
    """Contact, licence, attribution and weaknesses come back."""
    read = _read()
    (about,) = read.identification
    assert [(one.organization, one.role) for one in read.contact] == [("© Example State", "pointOfContact")]
    assert about.otherconstraints == ["CC-BY-4.0", "Attribution: © Example State"]
    assert about.useconstraints == ["licence"]
    assert about.uselimitation[0] == "Trees hide water."
    assert any("not assessed" in one for one in about.uselimitation)


def test_a_licence_that_nobody_stated_is_not_made_up() -> None:
    """Readers are told that there is none; a party that is not named is missing, not empty."""
    (about,) = _read(licence=None, attribution=None).identification
    assert about.otherconstraints == ["No licence is stated."]
    assert _texts("mdb:contact/@gco:nilReason", attribution=None) == ["missing"]


def test_it_reads_the_files() -> None:
    """Each main file has an address relative to the document, and its hash."""
    online = {one.url: one for one in _read().distribution.online}
    assert set(online) == {f"./flood_extent.{end}" for end in ("gpkg", "parquet", "shp")} | {"./overview.png"}
    assert SHA in online["./flood_extent.gpkg"].description
    assert _read().distribution.format == "OGC GeoPackage"


def test_the_frames_are_sources_with_their_time() -> None:
    """Lineage names the frames that were answered, each with its date as far as it is known."""
    sources = (frame(1, "2022-02"), frame(2, "2022-02-28T01:31:05Z"), frame(3, state="failed"))
    source = "//mrl:source/mrl:LI_Source/mrl:sourceCitation/cit:CI_Citation"
    assert _texts(f"{source}/cit:title/*/text()", sources=sources) == ["north/frame 1.jp2", "north/frame 2.jp2"]
    dates = _texts(f"{source}/cit:date/cit:CI_Date/cit:date/*/text()", sources=sources)
    assert dates == ["2022-02", "2022-02-28T01:31:05Z"]
    steps = _texts("//mrl:processStep//mrl:reference//cit:title/*/text()")
    assert steps == ["flood-extent", "water-index", "flood-extent"]


@pytest.mark.parametrize(
    ("times", "positions"),
    [
        (("2022-02-27", "2022-02-28T01:31Z"), ["2022-02-27", "2022-02-28T01:31:00Z"]),
        (("2022-02", "2022-02"), ["2022-02", "2022-02"]),
        ((None, None), []),
    ],
)
def test_the_temporal_extent_is_no_finer_than_it_is_known(times: tuple[str | None, ...], positions: list[str]) -> None:
    """GML takes a month or a day; what nobody knows is unknown."""
    sources = tuple(frame(number, time) for number, time in enumerate(times, start=1))
    assert _texts("//gml:TimePeriod/*/text()", sources=sources) == positions
    unknown = _texts("//gml:TimePeriod/*/@indeterminatePosition", sources=sources)
    assert unknown == ([] if positions else ["unknown", "unknown"])


def test_what_was_not_assessed_is_an_omission() -> None:
    """Of three tiles of one size one failed: a third."""
    (percent,) = _texts("//mdq:DQ_CompletenessOmission//gco:Record/text()")
    assert float(percent) == pytest.approx(100 / 3, abs=0.01)


def test_the_release_before_is_revised_by_this_one() -> None:
    """Number, hash and reason."""
    revised = "//mri:MD_AssociatedResource[mri:associationType/*/@codeListValue='revisionOf']/mri:name/cit:CI_Citation"
    assert _texts(f"{revised}/cit:edition/*/text()") == ["1"]
    assert _texts(f"{revised}//mcc:code/*/text()") == [PREVIOUS]
    assert _texts("//mmi:maintenanceNote/*/text()") == ["North shore corrected"]


def test_names_that_are_no_xml_are_written_all_the_same() -> None:
    """Escape sequences, markup and other scripts in a name neither break the document nor vanish."""
    changes = {"name": "a\x1b[31m", "event": Event(None, "洪水 <&> \udce9")}
    assert _texts("//mri:citation//cit:title/*/text()", **changes) == [
        "Flood extent: 洪水 <&> \N{REPLACEMENT CHARACTER}"
    ]
    assert _texts("//mri:citation//cit:alternateTitle/*/text()", **changes) == ["a[31m"]


def test_folders_of_the_machine_are_not_published() -> None:
    """Of a local frame only its name below the dataset is given; one in the cloud has its address."""
    text = iso_xml(resource(sources=(frame(1, uri="/home/ana/frame 1.jp2"), frame(2)))).decode()
    assert "/home/ana" not in text
    assert "s3://bucket/north/frame 2.jp2" in text
    assert edition().run_id not in text
