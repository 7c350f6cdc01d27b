"""What people read of the product's layers: titles and descriptions, by the name that a layer begins with."""

from typing import NamedTuple

CLOUD = (
    "Plain cloud has no label of its own: what counts as observed may include ground under cloud, "
    "where a flood would not have been seen."
)
WATER = "Permanent water is not told apart from flood."


class About(NamedTuple):
    """What GIS programs show of a layer."""

    title: str
    description: str


# Longer names first: a layer's name starts with one of these.
LAYERS = {
    "flood_extent_by_tile": About(
        "Flood extent by tile",
        "The joined flood extent cut back to the valid area of each tile; flood_id is that of the layer flood_extent. "
        f"{WATER}",
    ),
    "flood_extent": About(
        "Flood extent",
        f"Flooded ground, joined across tile edges; area_m2 is on the ellipsoid. {WATER} "
        "Beside the polygons no flood was found only inside area_observed. conf_mean is how sure the model was, 0 to "
        "1; a tenth of the pixels are no surer than conf_p10.",
    ),
    "area_observed": About("Area observed", f"Ground that the model answered for. {CLOUD}"),
    "not_assessed": About(
        "Area not assessed",
        "Ground without an answer: tiles that failed or were dropped, and labels left out as flood with cloud "
        "or as ignored. "
        "observed_elsewhere is the share (0 to 1) that an overlapping tile saw.",
    ),
    "tiles": About(
        "Tiles",
        "Every tile with its state; without geometry where its place is not known. pixel_m is the side of its mapped "
        "pixels on the ground.",
    ),
    "to_check": About(
        "Places to check",
        "The places most worth a person's look, largest area times doubt (0 to 1) first: flood and holes that the "
        "model is not sure of, tiles that differ where they overlap, flood cut off at a tile's edge.",
    ),
}


def split_name(name: str) -> tuple[str, str]:
    """Base and suffix of a layer that a file names, ``("flood_extent", "_epsg7855")``."""
    base = next((base for base in LAYERS if name == base or name.startswith(f"{base}_")), name)
    return base, name.removeprefix(base)
