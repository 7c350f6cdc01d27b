"""What to do where a disk is full: of a folder for temporary files, whoever runs the program has named none."""

import tempfile
from pathlib import Path

TEMP_PREFIX = "flood-extent"  # of our own folders among the temporary files


def room_remedy(path: str | Path) -> str:
    """The second sentence of an error about a full disk: how to get room for a file."""
    if is_temporary(Path(path)):
        return "Free space there, or set TMPDIR to a folder with more of it"
    return "Free space there or choose another folder"


def is_temporary(path: Path) -> bool:
    """Whether a file is in one of our folders among the system's temporary files."""
    try:
        parts = path.relative_to(tempfile.gettempdir()).parts
    except (OSError, ValueError):  # no place for temporary files can be used; it is elsewhere
        return False
    return bool(parts) and parts[0].startswith(f"{TEMP_PREFIX}-")
