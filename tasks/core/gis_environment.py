"""The environment in which GDAL and PROJ work: that of the project, not that of the user's shell.

Other GIS programs leave variables behind (``PROJ_LIB`` of another PROJ, ``GDAL_DATA``, ``GDAL_SKIP``) that belong to
their own GDAL and PROJ. Ours, three copies in the wheels of rasterio, pyproj and pyogrio, would obey them: a frame
would have no CRS, another place, or no driver. The libraries read them when they are imported and whenever they work.
So they are taken out of the process's environment, and with it out of its children's, when `tasks.core` is imported:
before it nothing of the project imports one of the three, be it a command, a worker, a hook, a server or a test.
"""

import logging
import warnings
from collections.abc import MutableMapping
from pathlib import Path

# GDAL takes any variable for an option of its own, whatever it is called; the file keeps it from that. These are read
# past the file: by PROJ, by the three packages, and where GDAL looks for the file itself and for drivers.
PREFIXES = ("GDAL_", "OGR_", "OSR_", "CPL_", "VSI_", "GTIFF_", "GEOTIFF_", "PROJ_", "PYPROJ_", "PYOGRIO_")
CONFIG_FILE = Path(__file__).with_name("gdalrc")
OURS = {
    # In place of GDAL_CONFIG_FILE, /etc/gdal/gdalrc and ~/.gdal/gdalrc.
    "GDAL_CONFIG_FILE": str(CONFIG_FILE),
    "GDAL_DRIVER_PATH": "disable",
    # Grids and databases that some program has put into ~/.local/share/proj; and none are fetched.
    "PROJ_SKIP_READ_USER_WRITABLE_DIRECTORY": "YES",
    "PROJ_NETWORK": "OFF",
}
NOT_GEOREFERENCED = "Dataset has no geotransform|The given matrix is equal to Affine.identity"


def isolate(environment: MutableMapping[str, str]) -> None:
    """Take out of a process's environment what is meant for other copies of GDAL and PROJ, and set what ours need."""
    for name in [name for name in environment if name.startswith(PREFIXES)]:
        del environment[name]
    environment.update(OURS)


def quieten() -> None:
    """Keep GDAL's own complaints from the terminal: they reach people as our errors, once.

    A missing georeference is a finding here. Its warning is known by its text, for rasterio is not to be imported yet,
    and ignored for good, for ``warnings.catch_warnings`` is not safe in threads.
    """
    logging.getLogger("rasterio").addHandler(logging.NullHandler())
    logging.getLogger("rasterio").propagate = False
    warnings.filterwarnings("ignore", NOT_GEOREFERENCED)
