"""What people give a run besides frames: areas, read before it begins, and which frames lie outside them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flows.parameters import RunParameters
from tasks.core.given_areas.given_areas import GivenAreas
from tasks.core.product.area_of_interest import frames_outside
from tasks.core.tiles.tile import Tile
from tasks.services.given_files import GivenFiles, read_given_areas


class Chosen(NamedTuple):
    """The frames of a dataset by the area of interest.

    Attributes:
        inside: Those that are mapped; all of them where there is no such area.
        outside: Ids of the others: they are neither fetched nor part of the product.
    """

    inside: list[Tile]
    outside: tuple[str, ...]


def read_given(parameters: RunParameters) -> GivenAreas:
    """Read the areas that the parameters name.

    Raises:
        UnusableArgument: A file is none of polygons in a known CRS, or is not there.
        StorageUnavailable: S3 does not answer.
    """
    files = GivenFiles(
        parameters.normal_water, parameters.exclude, parameters.area_of_interest, parameters.normal_water_tolerance
    )
    return read_given_areas(files)


def chosen(tiles: Sequence[Tile], given: GivenAreas) -> Chosen:
    """Leave out the frames that share no ground with the area of interest.

    Raises:
        UnusableArgument: No frame shares any.
    """
    area = given.area_of_interest
    outside = frozenset[str]() if area is None else frames_outside(tiles, area)
    return Chosen([tile for tile in tiles if tile.id not in outside], tuple(sorted(outside)))


def provenance(given: GivenAreas, outside: Sequence[str]) -> dict[str, Any] | None:
    """For the record: each file with its hash, and the frames outside; None where nothing was given."""
    files = [
        {"parameter": one.parameter, "name": one.name, "content_hash": one.content_hash, "left_out": one.left_out}
        for one in given.files
    ]
    return {"files": files, "outside": list(outside)} if files else None
