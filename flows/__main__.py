"""``python -m flows`` is ``flood-extent``."""

import sys

# Python looks into the current folder first, where a file may be called as a module of the standard library.
if not sys.flags.safe_path and sys.path[0] != __file__.rpartition("/flows/")[0]:
    del sys.path[0]

from flows.command_line.cli import main

sys.exit(main())
