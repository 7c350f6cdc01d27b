"""The places to check, as report, run page and review form name them."""

from typing import Any

from tasks.core.product.to_check import PlaceToCheck, ToCheck

HEADS = ("rank", "what is doubted", "doubt", "m²", "x", "y", "CRS")
NOTHING = "Nothing stood out. What a model is sure of may be wrong all the same."
LAYER = "the product's layer to_check has them in order, with their outlines"


def number(places: ToCheck) -> str:
    """How many there are: ``1 place to check``."""
    count = places["count"]
    return f"{count:,} place{'' if count == 1 else 's'} to check"


def rows(places: ToCheck) -> list[dict[str, Any]]:
    """A row for each of the first, with the heads of the columns as keys."""
    return [dict(zip(HEADS, _cells(rank, place), strict=True)) for rank, place in enumerate(places["first"], 1)]


def sentences(places: ToCheck, most: int) -> list[str]:
    """How many there are, and a sentence on each of the first; empty where there are none."""
    if not places["count"]:
        return []
    first = [
        f"{rank}. {place['reason']}: {place['area_m2']:,.0f} m² at {_at(place['x'])}, {_at(place['y'])}"
        for rank, place in enumerate(places["first"][:most], 1)
    ]
    return [f"{number(places)}, in order", *first]


def _cells(rank: int, place: PlaceToCheck) -> tuple[object, ...]:
    area = f"{place['area_m2']:,.0f}"
    return rank, place["reason"], place["doubt"], area, _at(place["x"]), _at(place["y"]), place["crs"]


def _at(coordinate: float) -> str:
    """As run.json has it, without an exponent."""
    return f"{coordinate:.6f}".rstrip("0").rstrip(".")
