"""NoData values that metadata declare: the colour of what no imagery fills.

Sources: GDAL's raster data model (NoData of a band; metadata item NODATA_VALUES, one value a band, for a pixel whose
bands all have theirs); its GeoTIFF driver (tag 42113, one value for all bands).
"""

from collections.abc import Sequence

import numpy as np

from tasks.core.jpeg2000.channels import Channels
from tasks.core.jpeg2000.colour_conversion import to_nrg

BRIGHTEST = 255

Colour = tuple[int, int, int]
"""Near infrared, red, green."""


def declared_colour(sources: Sequence[Sequence[float | None]], channels: Channels) -> Colour | None:
    """The NoData colour by the first source that declares a value for every colour that samples can have.

    A value for some bands alone would make padding of water, whose near infrared is 0; others (-9999) cannot occur.

    Args:
        sources: NoData of each component of the codestream, by falling precedence.
        channels: Where the bands are.
    """
    for values in sources:
        stored = [values[component] if component < len(values) else None for component in channels.colours]
        if all(value is not None and value in range(BRIGHTEST + 1) for value in stored):
            samples = np.array([[stored]], np.uint8)
            near_infrared, red, green = to_nrg(samples, None, channels)[0, 0].tolist()
            return near_infrared, red, green
    return None


def listed_values(text: str | None, components: int) -> list[float | None]:
    """Numbers in a text, one a component; a single one is for all; none where it is something else."""
    try:
        values: list[float | None] = [float(part) for part in (text or "").split()]
    except ValueError:
        return []
    return values * components if len(values) == 1 else values
