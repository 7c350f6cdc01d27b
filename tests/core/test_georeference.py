"""Where an image lies, and which CRS it may be given."""

import pytest
from pyproj import CRS

from tasks.core.crs import crs_name
from tasks.core.errors import CrsConflict, NoGeoreference, UnusableArgument
from tasks.core.georeference import settle
from tasks.core.jpeg2000 import Header, Transform

PLACE: Transform = (0.5, 0.0, 5e5, 0.0, -0.5, 6e6)
DEGREES: Transform = (1e-5, 0.0, 146.8, 0.0, -1e-5, -29.9)


def _header(transform: Transform | None = PLACE, crs: str | None = "EPSG:28355") -> Header:
    return Header(100, 80, 3, alpha_flagged=False, transform=transform, crs=crs)


def test_own_georeference_is_kept() -> None:
    """Without a CRS given, the image's own counts, at full resolution."""
    grid = settle(_header(), None, "a.jp2")
    assert (grid.width_px, grid.height_px, grid.transform, grid.crs) == (100, 80, PLACE, "EPSG:28355")


@pytest.mark.parametrize(
    ("own", "given", "settled"),
    [
        (None, "EPSG:7855", "EPSG:7855"),
        ("EPSG:28355", "epsg:28355", "EPSG:28355"),
        ("EPSG:28355", "EPSG:7855", "EPSG:7855"),
        ("EPSG:32755", "EPSG:7855", "EPSG:7855"),
        ("EPSG:4283", "EPSG:7844", "EPSG:7844"),
    ],
)
def test_given_crs_is_assigned_or_corrects_the_datum(own: str | None, given: str, settled: str) -> None:
    """A CRS is assigned where none is, and replaces one of the same projection and zone with another datum."""
    transform = DEGREES if settled == "EPSG:7844" else PLACE
    assert settle(_header(transform, own), given, "a.jp2").crs == settled


@pytest.mark.parametrize("given", ["EPSG:7856", "EPSG:3857", "EPSG:7844", "EPSG:3308"])
def test_another_projection_or_zone_is_a_conflict(given: str) -> None:
    """A CRS that differs in more than the datum never replaces the tile's own."""
    with pytest.raises(CrsConflict, match=rf"a\.jp2: its CRS is EPSG:28355, crs says {given}"):
        settle(_header(), given, "a.jp2")


@pytest.mark.parametrize(
    ("header", "given", "message"),
    [
        (_header(None, None), None, "neither CRS nor transform.*world file.*crs"),
        (_header(None, None), "EPSG:7855", "no transform|neither"),
        (_header(None), None, "no transform.*world file"),
        (_header(PLACE, None), None, "no CRS.*crs"),
        (_header((0.5, 0.5, 0.0, 0.5, 0.5, 0.0)), None, "degenerate"),
        (_header(PLACE, "EPSG:7844"), None, "not a place in degrees"),
    ],
)
def test_what_is_missing_is_said_with_the_remedy(header: Header, given: str | None, message: str) -> None:
    """A missing or unusable part of the georeference is named, with how to give it."""
    with pytest.raises(NoGeoreference, match=message):
        settle(header, given, "a.jp2")


@pytest.mark.parametrize("given", ["EPSG:1", "what", 'LOCAL_CS["site",UNIT["metre",1]]'])
def test_a_given_crs_must_be_one(given: str) -> None:
    """What is no CRS, or places nothing on Earth, is an unusable argument, whatever the tile says."""
    with pytest.raises(UnusableArgument, match="crs"):
        settle(_header(), given, "a.jp2")


@pytest.mark.parametrize("code", [7855, 28355, 28356, 26914, 4283, 7844, 32755, 3857, 3308])
@pytest.mark.parametrize("version", ["WKT1_GDAL", "WKT2_2019"])
def test_spellings_of_a_crs_have_one_name(code: int, version: str) -> None:
    """GDAL's and ISO's text of a CRS are named by the same code."""
    assert crs_name(CRS.from_epsg(code).to_wkt(version)) == f"EPSG:{code}"


def test_a_code_is_used_only_where_it_means_the_same() -> None:
    """An altered CRS that still carries a code is spelled out, and heights do not count."""
    altered = CRS.from_epsg(7855).to_wkt("WKT1_GDAL").replace("500000", "400000")
    assert "EPSG:7855" in altered or "7855" in altered
    name = crs_name(altered)
    assert name is not None
    assert not name.startswith("EPSG:")
    assert crs_name("EPSG:7855+5711") == "EPSG:7855"
    assert crs_name('LOCAL_CS["site",UNIT["metre",1]]') is None
