"""What decoding children of tests do instead of decoding."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks.core.imagery.preparation import PreparedImage
from tasks.services.frames.decoder_process import Request, decode


def by_name(request: Request) -> PreparedImage:
    """Ends, or does not, as the frame's name says; any other frame is decoded."""
    name = Path(request.path).stem
    if name.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, name))
    if name == "hangs":
        time.sleep(600)
    if name == "leaves":
        os._exit(3)
    if name == "greedy":
        np.ones(1 << 34, np.uint8)
    if name == "surprising":
        raise ValueError("nobody expected this")
    return decode(request)


def lying(request: Request) -> PreparedImage:
    """Answers for another frame than was asked for."""
    return decode(
        Request(request.path, request.grid, request.width_px // 2, request.height_px // 2, request.max_pixels)
    )


def telling_environment(request: Request) -> PreparedImage:
    """Puts the names of the child's variables into a warning."""
    return replace(decode(request), warnings=tuple(sorted(os.environ)))
