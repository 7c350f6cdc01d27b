"""The rasters of a product: what each is called, holds and looks like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tasks.core.class_map import FLOOD, FLOOD_UNDER_CLOUD, IGNORED, OTHER
from tasks.core.formats.layer_titles import WATER
from tasks.core.rasters.merging import NO_DATA

Colour = tuple[int, int, int]
FOLDER = "rasters"

# What GIS programs of all makes read; nothing is lost. Overviews: what most pixels say, for classes have no middle.
CLASSES = {"COMPRESS": "DEFLATE", "OVERVIEW_RESAMPLING": "MODE"}
NUMBERS = {"COMPRESS": "DEFLATE", "OVERVIEW_RESAMPLING": "AVERAGE"}
# A fifth of what DEFLATE takes; WEBP takes less, and few programs but GDAL's read it in a TIFF.
IMAGERY = {"COMPRESS": "JPEG", "QUALITY": "90", "OVERVIEW_RESAMPLING": "AVERAGE"}


@dataclass(frozen=True, slots=True)
class RasterKind:
    """A raster of the product.

    Attributes:
        base: Of the file's name.
        title: For people: what a list of files says of it.
        description: What its values mean.
        bands: What each band holds.
        options: For GDAL's COG driver.
        no_data: What stands where nothing is known; None where a mask says so.
        unit: Of its values; empty for classes.
        classes: Name and colour of each value, from 0 on.
    """

    base: str
    title: str
    description: str
    bands: tuple[str, ...]
    options: Mapping[str, str]
    no_data: int | None = NO_DATA
    unit: str = ""
    classes: Mapping[int, tuple[str, Colour]] = field(default_factory=lambda: MappingProxyType({}))

    def path(self, suffix: str) -> str:
        """Below the product's folder; the suffix is that of the layers in the same CRS."""
        return f"{FOLDER}/{self.base}{suffix}.tif"

    @property
    def colours(self) -> dict[int, Colour]:
        """The colour table."""
        return {value: colour for value, (_, colour) in self.classes.items()}


LABELS = RasterKind(
    base="labels",
    title="labels of the model",
    description=(
        "Labels of the model, before tiles were joined and small areas left out: 0 other, 1 flood, 2 flood with "
        "cloud, 3 ignored, 255 not observed. Where tiles overlap and disagree, flood wins. " + WATER
    ),
    bands=("label",),
    options=CLASSES,
    classes=MappingProxyType(
        {
            OTHER: ("other", (226, 222, 208)),
            FLOOD: ("flood", (20, 150, 255)),
            FLOOD_UNDER_CLOUD: ("flood with cloud", (150, 120, 205)),
            IGNORED: ("ignored", (120, 120, 120)),
            NO_DATA: ("not observed", (255, 255, 255)),
        }
    ),
)
CONFIDENCE = RasterKind(
    base="confidence",
    title="how sure the model was, in percent",
    description=(
        "How far the label of the model is ahead of the next likeliest, in percent: 100 is sure, 0 a toss-up, 255 not "
        "known. Where tiles overlap, of the tile whose label counts, or of the surer one."
    ),
    bands=("confidence",),
    options=NUMBERS,
    unit="%",
)
FLOOD_MASK = RasterKind(
    base="flood",
    title="flood mask",
    description=(
        "The flood extent of this product: 1 where the centre of the pixel lies in the layer flood_extent, 0 where it "
        "lies elsewhere in the layer area_observed, 255 not observed: whether there is flood is not known. " + WATER
    ),
    bands=("flood",),
    options=CLASSES,
    classes=MappingProxyType(
        {
            0: ("observed, no flood", (226, 222, 208)),
            1: ("flood", (20, 150, 255)),
            NO_DATA: ("not observed", (255, 255, 255)),
        }
    ),
)
MOSAIC = RasterKind(
    base="nrg",
    title="imagery as the model saw it",
    description=(
        "Imagery as the model saw it: near infrared, red, green in the places of red, green, blue: vegetation is red, "
        "water dark. Masked where no tile holds imagery. Compressed with loss: to be looked at, not to be measured."
    ),
    bands=("near infrared", "red", "green"),
    options=IMAGERY,
    no_data=None,
)
# The most wanted first.
KINDS = (FLOOD_MASK, LABELS, CONFIDENCE, MOSAIC)
