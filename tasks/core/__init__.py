"""The domain: pure functions and records; no Prefect, no AWS, no network.

All that importing it changes in the process is changed here, before any module below imports GDAL, PROJ or OpenCV:
they read the environment when they are imported.
"""

import os

from tasks.core.gis_environment import isolate, quieten

isolate(os.environ)
quieten()
