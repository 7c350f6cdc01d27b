"""Whether what went wrong is that memory ran out, in any of the ways that Python and its libraries say it."""

import errno

from tasks.core.errors import FloodExtentError

NO_MEMORY = (
    "memory ran out. Give the machine or container more of it, or end what else needs it, and run again: what was "
    "computed is kept"
)
# OpenCV, GDAL and Python's own threads have no type of error for it.
SIGNS = ("insufficient memory", "out of memory", "cannot allocate memory", "can't start new thread")


class OutOfMemory(FloodExtentError):
    """The run needed more memory than there is."""

    def __init__(self) -> None:
        super().__init__(f"no product: {NO_MEMORY}")


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether the error, or one that led to it, says so."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if any(sign in str(error).lower() for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False
