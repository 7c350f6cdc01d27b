"""Pictures on the page, inside its text."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.core.reports.html.map_plane import MapPlane
from tasks.core.reports.run_page import picture_uri

URI_CHARACTERS = 2_000_000  # of 1.5 MB
JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Imagery:
    """A picture of the ground, with grid north up.

    Attributes:
        picture: JPEG or PNG.
        bounds: West, south, east, north of its outer edges, in units of ``crs``.
        crs: As the layers name it.
    """

    picture: bytes
    bounds: tuple[float, float, float, float]
    crs: str

    def to_dict(self, plane: MapPlane) -> dict[str, Any]:
        """For the page's script: the picture inside its address, and where it lies on the map.

        Raises:
            ValueError: It is no picture.
        """
        corners = plane.steps(np.reshape(self.bounds, (2, 2))).ravel().tolist()
        return {"uri": _uri(self.picture), "bounds": corners}


def _uri(picture: bytes) -> str:
    uri = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    if picture.startswith(JPEG_START) and len(uri) <= URI_CHARACTERS:
        return uri
    return picture_uri(picture, URI_CHARACTERS)
