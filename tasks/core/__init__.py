"""The domain: pure functions and records; no Prefect, no AWS, no network."""

import os

from tasks.core.gis_environment import isolate

isolate(os.environ)  # before any module below imports GDAL or PROJ
