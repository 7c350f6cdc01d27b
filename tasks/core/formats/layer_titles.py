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


# Longer names first: a layer's name starts with one of these. Those of a product are in the order of its GeoPackage.
LAYERS = {
    "flood_extent_by_tile": About(
        "Flood extent by tile",
        "The joined flood extent cut back to the valid area of each tile; flood_id is that of the layer flood_extent. "
        f"{WATER}",
    ),
    "flood_extent_cut": About(
        "Flood extent, cut on a grid",
        "A copy of the layer flood_extent, cut along a grid so that no polygon is too large to work with: parts of one "
        "have one flood_id; area_m2 is the part's own, the other columns are those of the whole polygon.",
    ),
    "flood_extent": About(
        "Flood extent",
        f"Flooded ground, joined across tile edges; area_m2 is on the ellipsoid. {WATER} "
        "Beside the polygons no flood was found only inside area_observed. conf_mean is how sure the model was, 0 to "
        "1; a tenth of the pixels are no surer than conf_p10.",
    ),
    "smoothed_extent": About(
        "Flood extent, smoothed",
        "A copy of the layer flood_extent without pixel steps, for maps: the exact outlines are in flood_extent. Its "
        "area is more by err_m2.",
    ),
    "smoothed_normal_water": About("Normal water, smoothed", "A copy of the layer normal_water, likewise."),
    "smoothed_trace": About("Flood trace, smoothed", "A copy of the layer flood_trace, likewise."),
    "smoothed_excluded": About("Excluded water, smoothed", "A copy of the layer excluded, likewise."),
    "flood_source": About(
        "Frames of each polygon",
        "Which frames saw a polygon of the layer flood_extent, and how much of it: flood_id and src_id of the table "
        "source.",
    ),
    "flood_trace": About(
        "Flood trace",
        "Ground that is normal water in the reference that was given, was observed, and is dry in these frames.",
    ),
    "normal_water": About(
        "Normal water",
        "Water that these frames show and that the reference has, too: permanent, or there before the flood. Pieces of "
        "flood beside it that are thinner than the tolerance count as normal water: they are misregistration.",
    ),
    "area_observed": About("Area observed", f"Ground that the model answered for. {CLOUD}"),
    "not_assessed": About(
        "Area not assessed",
        "Ground without an answer: tiles that failed or were dropped, and labels left out as flood with cloud "
        "or as ignored. "
        "observed_elsewhere is the share (0 to 1) that an overlapping tile saw.",
    ),
    "area_of_interest": About(
        "Area of interest",
        "What the product is clipped to, with how much of it was observed, was not assessed, and is in no frame.",
    ),
    "excluded": About(
        "Excluded water",
        "Where the model found water on ground on which nothing may be called flood, with the reason that was given.",
    ),
    "change": About(
        "Change",
        "What became of the flood from the release before: kept, gained, lost; and what one of the two shows alone, on "
        "ground that the other did not see.",
    ),
    "exposure_summary": About(
        "Exposure by class",
        "Number, length and area of what was given as exposure, and of these flooded, not flooded, and not assessed: "
        "there, nobody knows.",
    ),
    "exposure": About(
        "Exposure",
        "What was given as exposure (buildings, roads, parcels), each with the share of it that is flooded and the "
        "share that was not assessed: there, nobody knows.",
    ),
    "tiles": About(
        "Tiles",
        "Every tile with its state; without geometry where its place is not known. pixel_m is the side of its mapped "
        "pixels on the ground.",
    ),
    "source": About(
        "Sources",
        "The frames that the product was made of: where each was, its content hash, when it was taken and how that is "
        "known, the side of its pixels on the ground.",
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
