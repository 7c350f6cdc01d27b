"""``python -m flows`` is ``flood-extent``."""

import sys

from flows.cli import main

sys.exit(main())
