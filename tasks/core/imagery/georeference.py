"""Where an image lies: what its header says, settled with the CRS that a person gave."""

from tasks.core.errors import CrsConflict, NoGeoreference
from tasks.core.geo.crs import crs_name, differ_in_datum_only, given_crs, is_geographic, unknown_datum
from tasks.core.geo.grid import Grid
from tasks.core.jpeg2000.jpeg2000 import Header

WIDEST_LONGITUDE, WIDEST_LATITUDE = 360.0, 90.0
SLACK = 1e-6  # degrees: a global grid may round beyond the pole


def settle(header: Header, crs: str | None, name: str) -> Grid:
    """The full-resolution grid of an image.

    Args:
        header: What the image says.
        crs: Assigned where the image has no CRS; replaces one that differs from it in datum alone, with the same
            projection and zone (GDA94 written for GDA2020, or a datum that is unknown); anything else is a conflict.
        name: The image's name, for messages.

    Returns:
        The grid, its CRS as ``EPSG:n`` or WKT2, its transform in that CRS's units.

    Raises:
        NoGeoreference: Transform or CRS is missing or unusable, or the CRS has no known datum and `crs` is not given.
        CrsConflict: The image's CRS differs from `crs` in more than the datum.
        UnusableArgument: `crs` is not a CRS.
    """
    given = None if crs is None else given_crs(crs)
    if header.transform is None:
        missing = "no transform" if header.crs or given else "neither CRS nor transform"
        also = "" if header.crs or given else ", and give the CRS as `crs` (such as EPSG:7855)"
        raise NoGeoreference(f"{name}: {missing}. Put a world file (.j2w) beside it{also}")
    settled = _settle_crs(header.crs, given, name)
    try:
        grid = Grid(header.width_px, header.height_px, header.transform, settled)
    except ValueError as error:
        raise NoGeoreference(f"{name}: unusable georeference: {error}. Correct it, or give a world file") from error
    if is_geographic(settled):
        _check_degrees(grid, name)
    return grid


def _settle_crs(own: str | None, given: str | None, name: str) -> str:
    if given is None:
        return _known(own, name)
    if own is None or crs_name(own) == given:
        return given
    if differ_in_datum_only(own, given):
        return given
    raise CrsConflict(
        f"{name}: its CRS is {own}, `crs` says {given}: they differ in more than the datum. "
        "Leave `crs` out, or run such tiles on their own"
    )


def _known(own: str | None, name: str) -> str:
    if own is None:
        raise NoGeoreference(f"{name}: no CRS. Give it as `crs` (such as EPSG:7855)")
    datum = unknown_datum(own)
    if datum is not None:  # to guess one is to be off by metres
        raise NoGeoreference(
            f"{name}: the datum of its CRS is unknown ({datum}). Give the CRS as `crs` (such as EPSG:7855)"
        )
    return own


def _check_degrees(grid: Grid, name: str) -> None:
    """Metres under a geographic CRS are a common mistake, and would give areas that mean nothing."""
    for x, y in grid.corners:
        if abs(x) > WIDEST_LONGITUDE + SLACK or abs(y) > WIDEST_LATITUDE + SLACK:
            raise NoGeoreference(
                f"{name}: ({x:g}, {y:g}) is not a place in degrees, but its CRS is {grid.crs}. Give the right "
                "one as `crs`"
            )
