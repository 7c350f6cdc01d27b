"""NoData as metadata declare it: in a sidecar, in GDAL's metadata box, in GeoJP2."""

from pathlib import Path

import pytest
from jp2_boxes import SRGB, SYCC, box, codestream, definitions, enumerated, geotiff_box, jp2, random_nrg

from tasks.core.jpeg2000.channels import Channels
from tasks.core.jpeg2000.jpeg2000 import Header, probe
from tasks.core.jpeg2000.no_data import declared_colour

IN_ORDER = Channels((0, 1, 2))


def _pam(*values: str) -> bytes:
    bands = (
        f'<PAMRasterBand band="{number}"><NoDataValue>{value}</NoDataValue></PAMRasterBand>'
        for number, value in enumerate(values, 1)
        if value
    )
    return f"<PAMDataset>{''.join(bands)}</PAMDataset>".encode()


def _metadata(values: str) -> bytes:
    item = f'<Metadata><MDI key="NODATA_VALUES">{values}</MDI></Metadata>'
    return box(b"xml ", f"<GDALMultiDomainMetadata>{item}</GDALMultiDomainMetadata>".encode())


def _probe(content: bytes, **sidecars: bytes) -> Header:
    files = {f"frame.jp2.{suffix.replace('_', '.')}": value for suffix, value in sidecars.items()}
    return probe(lambda start, length: content[start : start + length], len(content), "frame.jp2", files)


@pytest.fixture
def stream(tmp_path: Path) -> bytes:
    """A codestream of three bands."""
    return codestream(random_nrg(), tmp_path / "frame.j2k")


def test_nodata_of_the_sidecar_is_read(stream: bytes) -> None:
    """A value for each band in ``.aux.xml`` is the tile's NoData colour."""
    assert _probe(jp2(stream, enumerated(SRGB)), aux_xml=_pam("255", "0", "2.55E+02")).nodata == (255, 0, 255)
    assert _probe(jp2(stream, enumerated(SRGB))).nodata is None


def test_nodata_in_the_image_is_read(stream: bytes) -> None:
    """GDAL's metadata box has a value a band, GeoJP2 one for all."""
    assert _probe(jp2(stream, before=_metadata("12 13 14"))).nodata == (12, 13, 14)
    assert _probe(jp2(stream, before=geotiff_box(b"255\0"))).nodata == (255, 255, 255)


def test_the_sidecar_comes_before_the_image(stream: bytes) -> None:
    """What somebody wrote beside a frame later is meant to replace what is in it."""
    content = jp2(stream, before=_metadata("12 13 14") + geotiff_box(b"255\0"))
    assert _probe(content, aux_xml=_pam("7", "8", "9")).nodata == (7, 8, 9)
    assert _probe(content).nodata == (12, 13, 14)


@pytest.mark.parametrize(
    "values", [("-9999",) * 3, ("256",) * 3, ("nan",) * 3, ("0", "", ""), ("0.5", "0.5", "0.5"), ("", "", "")]
)
def test_values_that_no_pixel_can_have_in_all_bands_are_none(values: tuple[str, ...], stream: bytes) -> None:
    """Values outside 8 bits cannot occur; a value for near infrared alone would make padding of water."""
    assert _probe(jp2(stream, enumerated(SRGB)), aux_xml=_pam(*values)).nodata is None


@pytest.mark.parametrize("damaged", [b"\xff\xfe255\0", b"none\0", b"", b"1 2\0"])
def test_damaged_values_are_none_and_leave_the_frame_usable(damaged: bytes, stream: bytes) -> None:
    """A tag that is no number declares nothing, and fails nothing."""
    assert _probe(jp2(stream, before=geotiff_box(damaged))).nodata is None


def test_values_belong_to_components_and_follow_them(stream: bytes) -> None:
    """Where bands are put in order, their NoData values are too."""
    order = definitions((0, 0, 3), (1, 0, 1), (2, 0, 2))
    assert _probe(jp2(stream, enumerated(SRGB), order), aux_xml=_pam("1", "2", "3")).nodata == (2, 3, 1)


def test_values_of_luma_and_chroma_are_converted(stream: bytes) -> None:
    """NoData of a frame in sYCC is given as it is stored, and looked for as it is decoded."""
    assert _probe(jp2(stream, enumerated(SYCC)), aux_xml=_pam("255", "128", "128")).nodata == (255, 255, 255)


def test_the_first_source_that_declares_a_colour_counts() -> None:
    """A source that says nothing usable is passed over."""
    assert declared_colour([[None, None, None], [300.0] * 3, [], [1.0, 2.0, 3.0, None]], IN_ORDER) == (1, 2, 3)
