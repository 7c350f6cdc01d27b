"""Where an image lies, and which CRS it may be given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from tasks.core.errors import CrsConflict, NoGeoreference, UnusableArgument
from tasks.core.geo.crs import crs_name, unknown_datum
from tasks.core.imagery.georeference import settle
from tasks.core.jpeg2000.jpeg2000 import Header, Transform, probe

WriteJp2 = Callable[..., Path]

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
    with pytest.raises(CrsConflict, match=rf"a\.jp2: its CRS is EPSG:28355, `crs` says {given}"):
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


MGA_55 = (
    'PROJCS["x",GEOGCS["y",DATUM["{datum}",SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",147],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
    'PARAMETER["false_northing",10000000],UNIT["metre",1]]'
)
NO_DATUMS = [
    "unknown",
    "D_Unknown",
    "",
    "unnamed",
    "user-defined",
    "GRS_1980",
    "D_GRS_1980",
    "GRS80",
    "Unknown based on GRS80 ellipsoid",
    "Unknown_datum_based_upon_the_GRS_1980_ellipsoid",
    "Not_specified_based_on_GRS_1980_ellipsoid",
    "unretrievable - using WGS84",
]
WITHOUT_DATUM = [
    *(MGA_55.format(datum=datum) for datum in NO_DATUMS),
    "+proj=utm +zone=55 +south +ellps=GRS80 +units=m",
    "+proj=utm +zone=55 +south +ellps=GRS80 +towgs84=0,0,0 +units=m",
    "+proj=tmerc +lon_0=147 +k=0.9996 +x_0=500000 +y_0=10000000 +R=6371000 +units=m",
]


@pytest.mark.parametrize("definition", WITHOUT_DATUM)
def test_a_crs_of_unknown_datum_gets_no_datum_by_matching(definition: str) -> None:
    """PROJ takes an unknown datum for equal to any of its ellipsoid; which one it is, a person has to say."""
    name = crs_name(definition)
    assert name is not None
    assert not name.startswith("EPSG:")
    with pytest.raises(NoGeoreference, match=r"a\.jp2: the datum of its CRS is unknown .*Give the CRS as `crs`"):
        settle(_header(crs=name), None, "a.jp2")


@pytest.mark.parametrize("definition", WITHOUT_DATUM)
def test_a_crs_of_unknown_datum_takes_a_given_one_of_its_zone(definition: str) -> None:
    """It differs from the given one in the datum alone; of another zone it is a conflict as ever."""
    name = crs_name(definition)
    assert settle(_header(crs=name), "EPSG:7855", "a.jp2").crs == "EPSG:7855"
    with pytest.raises(CrsConflict, match="more than the datum"):
        settle(_header(crs=name), "EPSG:7856", "a.jp2")


WGS_84_ELLIPSOID = 'GEOGCS["y",DATUM["unknown",SPHEROID["WGS84",6378137,298.257223563]]]'


@pytest.mark.parametrize("definition", ["+proj=longlat +ellps=WGS84", WGS_84_ELLIPSOID])
def test_a_geographic_crs_of_unknown_datum_is_no_wgs_84(definition: str) -> None:
    """Degrees on an ellipsoid alone get neither EPSG:4326 nor any other code."""
    with pytest.raises(NoGeoreference, match="datum of its CRS is unknown"):
        settle(_header(DEGREES, crs_name(definition)), None, "a.jp2")


def test_a_given_crs_has_a_known_datum() -> None:
    """A person who is asked for the datum cannot answer that it is unknown."""
    with pytest.raises(UnusableArgument, match="its datum is unknown"):
        settle(_header(crs=None), "+proj=utm +zone=55 +south +ellps=GRS80", "a.jp2")


def test_every_datum_of_epsg_is_known_but_those_that_it_calls_unspecified() -> None:
    """PROJ's own database is the judge of which datums have a name."""
    codes = [info.code for info in query_crs_info("EPSG", [PJType.GEOGRAPHIC_2D_CRS], allow_deprecated=True)]
    unknown = {code for code in codes if unknown_datum(f"EPSG:{code}") is not None}
    named = {code: CRS.from_epsg(int(code)).datum for code in codes}
    assert unknown == {code for code, datum in named.items() if datum and datum.name.startswith("Not specified")}


@pytest.mark.parametrize("definition", [*WITHOUT_DATUM[:2], "+proj=utm +zone=55 +south +ellps=GRS80"])
def test_a_frame_of_unknown_datum_is_not_given_one(write_jp2: WriteJp2, definition: str) -> None:
    """What GDAL writes into GeoJP2 as user-defined keys comes back without a datum's name."""
    path = write_jp2(np.zeros((3, 64, 64), np.uint8), crs=definition)
    data = path.read_bytes()
    header = probe(lambda start, length: data[start : start + length], len(data), path.name, {})
    with pytest.raises(NoGeoreference, match="datum of its CRS is unknown"):
        settle(header, None, path.name)
