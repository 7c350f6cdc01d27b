"""The domain: pure functions and records; no Prefect, no AWS, no network.

What importing it changes in the process is changed here, before any module below imports GDAL or PROJ: they read the
environment, and look for other packages, when they are imported. One thing is not: OpenCV's threads, see
`tasks.core.jpeg2000.resampling`.
"""

import os

from tasks.core import optional_imports
from tasks.core.gis_environment import isolate, quieten

isolate(os.environ)
quieten()
optional_imports.leave_out()
