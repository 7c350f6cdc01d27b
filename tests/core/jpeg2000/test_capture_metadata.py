"""When a frame was taken, as its metadata say."""

from pathlib import Path

import pytest
from jp2_boxes import SRGB, box, codestream, enumerated, jp2, random_nrg

from tasks.core.jpeg2000.capture_metadata import read_capture
from tasks.core.jpeg2000.jpeg2000 import Header, probe


def _probe(content: bytes, **sidecars: bytes) -> Header:
    files = {f"frame.jp2.{suffix.replace('_', '.')}": value for suffix, value in sidecars.items()}
    return probe(lambda start, length: content[start : start + length], len(content), "frame.jp2", files)


def _items(**items: str) -> str:
    return "".join(f'<MDI key="{name}">{value}</MDI>' for name, value in items.items())


@pytest.fixture
def stream(tmp_path: Path) -> bytes:
    """A codestream of three bands."""
    return codestream(random_nrg(), tmp_path / "frame.j2k")


def test_a_time_in_the_image_is_read(stream: bytes) -> None:
    """GDAL's metadata box may name the time of acquisition and the camera."""
    items = _items(ACQUISITIONDATETIME="2021-04-03 01:31:05", CAMERA="UltraCam Eagle")
    metadata = f"<GDALMultiDomainMetadata><Metadata>{items}</Metadata></GDALMultiDomainMetadata>"
    capture = _probe(jp2(stream, enumerated(SRGB), before=box(b"xml ", metadata.encode()))).capture
    assert (capture.time, capture.sensor) == ("2021-04-03 01:31:05", "UltraCam Eagle")


def test_a_time_in_a_sidecar_is_read(stream: bytes) -> None:
    """What somebody wrote beside the frame counts, in GDAL's domain for imagery, too."""
    items = _items(ACQUISITIONDATETIME="2021-04-03T01:31Z")
    pam = f'<PAMDataset><Metadata domain="IMAGERY">{items}</Metadata></PAMDataset>'
    assert _probe(jp2(stream, enumerated(SRGB)), aux_xml=pam.encode()).capture.time == "2021-04-03T01:31Z"


def test_a_time_in_gml_is_read(stream: bytes) -> None:
    """GMLJP2 gives a feature its valid time."""
    gml = (
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"><gml:validTime><gml:TimeInstant><gml:timePosition>'
        "2021-04-03T01:31:05Z</gml:timePosition></gml:TimeInstant></gml:validTime></gml:FeatureCollection>"
    )
    inner = box(b"asoc", box(b"lbl ", b"gml.root-instance"), box(b"xml ", gml.encode()))
    content = jp2(stream, enumerated(SRGB), before=box(b"asoc", box(b"lbl ", b"gml.data"), inner))
    assert _probe(content).capture.time == "2021-04-03T01:31:05Z"


def test_the_date_of_an_export_is_no_capture(stream: bytes) -> None:
    """A file's own date, an empty item and a name without digits say nothing of when a frame was taken."""
    assert _probe(jp2(stream, enumerated(SRGB))).capture.time is None
    items = {"TIFFTAG_DATETIME": "2022:01:01 00:00:00", "FLIGHT": "west", "CAMERA": " ", "Created": "2022-01-01"}
    assert read_capture(items, []) == read_capture({}, [])
