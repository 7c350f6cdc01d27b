"""Coordinate reference systems: one name each, which of them differ in datum alone, and which have no known datum."""

import re
from functools import lru_cache

from pyproj import CRS
from pyproj.crs import Datum, Ellipsoid  # type: ignore[attr-defined] # documented there, from a private module
from pyproj.exceptions import CRSError

from tasks.core.errors import UnusableArgument

MIN_CONFIDENCE = 25  # candidates only: a code is used when the CRS it stands for is equivalent
# What PROJ, GDAL, ESRI and EPSG call a datum that nobody has named; matched without case, spaces and punctuation.
NO_DATUM = re.compile(
    r"un(known|named|specified|defined|retrievable)|not(specified|known|defined)|userdefined|nodatum"
    r"|^d?(none|na|null|custom|default|datum)?$"
)


@lru_cache(maxsize=256)
def crs_name(definition: str) -> str | None:
    """One spelling a CRS: ``EPSG:7855`` where that code means an equivalent CRS, else WKT2.

    PROJ takes a CRS of unknown datum for equal to any with the same ellipsoid: such a one is never named by a code.

    Args:
        definition: WKT, ``EPSG:n`` or anything else that PROJ reads. Only its horizontal part counts.

    Returns:
        None where it is neither projected nor geographic, so that it places nothing on Earth.

    Raises:
        CRSError: PROJ cannot read it.
    """
    crs = horizontal(definition)
    if not (crs.is_projected or crs.is_geographic):
        return None
    if _unknown_datum(crs) is not None:
        return crs.to_wkt()
    code = crs.to_epsg(min_confidence=MIN_CONFIDENCE)
    # Axis order is left out: transforms of rasters are always x (east) first.
    if code is not None and CRS.from_epsg(code).equals(crs, ignore_axis_order=True):
        return f"EPSG:{code}"
    return crs.to_wkt()


def given_crs(value: str) -> str:
    """The name of a CRS that a person gave.

    Raises:
        UnusableArgument: It is not a CRS, places nothing on Earth, or has no known datum.
    """
    try:
        name = crs_name(value)
    except CRSError as error:
        raise UnusableArgument(f"`crs` {value!r} is not a CRS. Give a code such as EPSG:7855, or WKT") from error
    if name is None:
        raise UnusableArgument(f"`crs` {value!r} is neither projected nor geographic. Give a code such as EPSG:7855")
    datum = unknown_datum(name)
    if datum is not None:
        raise UnusableArgument(f"`crs` {value!r}: its datum is unknown ({datum}). Give a code such as EPSG:7855")
    return name


def unknown_datum(definition: str) -> str | None:
    """What a CRS calls its datum where that says only that the datum is unknown; None where it has a known one."""
    return _unknown_datum(horizontal(definition))


def differ_in_datum_only(first: str, second: str) -> bool:
    """Whether two CRSs have the same projection, zone and units, whatever their datums."""
    one, other = horizontal(first), horizontal(second)
    return one.is_projected == other.is_projected and _conversion(one) == _conversion(other)


@lru_cache(maxsize=64)
def is_geographic(name: str) -> bool:
    """Whether coordinates are degrees (or another angle)."""
    return bool(CRS.from_user_input(name).is_geographic)


def _unknown_datum(crs: CRS) -> str | None:
    name = "" if crs.datum is None else crs.datum.name
    is_only_ellipsoid = not _is_known(Datum, name) and _is_known(Ellipsoid, name)  # WGS 84 names both
    if NO_DATUM.search(re.sub(r"[^a-z0-9]", "", name.lower())) or is_only_ellipsoid:
        return name or "without a name"
    return None


def _is_known(kind: type[Datum | Ellipsoid], name: str) -> bool:
    try:
        kind.from_name(name)
    except CRSError:
        return False
    return True


def horizontal(definition: str | CRS) -> CRS:
    """A CRS without its heights and without a transformation bound to it."""
    crs = CRS.from_user_input(definition)
    while crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    if crs.is_compound:
        return horizontal(crs.sub_crs_list[0])
    return crs.to_2d() if len(crs.axis_info) > 2 else crs  # noqa: PLR2004 - two axes are horizontal


def _conversion(crs: CRS) -> tuple[object, ...]:
    """Method, parameters in SI units and axis units: what a projection is, apart from its datum."""
    units = {(axis.unit_name, axis.unit_conversion_factor) for axis in crs.axis_info}
    operation = crs.coordinate_operation
    if operation is None or not crs.is_projected:
        return (tuple(units),)
    parameters = {(item.name, round(float(item.value) * item.unit_conversion_factor, 9)) for item in operation.params}
    return operation.method_name, frozenset(parameters), tuple(units)
