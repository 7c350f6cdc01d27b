"""Where frames are decoded: here, or in child processes that a hostile or damaged frame may bring down.

OpenJPEG has known faults that damaged frames can reach, and a crash in this process would end the run. A child that
crashes, hangs or wants too much memory costs its tile; the next tile gets a new one. Children are kept from tile to
tile, for to start one takes longer than many a frame.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

from tasks.core.errors import DecodingEnded, FloodExtentError
from tasks.core.imagery.preparation import PreparedImage
from tasks.services import child_process, storage
from tasks.services.frames.decoder_process import Decode, Request, decode, read_answer

InChild = Literal["auto", "always", "never"]

DECODE = "tasks.services.frames.decoder_process:decode"
# Far beyond any sound frame: one of 10,000 px takes 20 s at full resolution on a busy machine.
FRAME_SECONDS = 600.0
# Whatever else this process's environment holds, secrets above all, is none of the child's business.
VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH")


class _Child:
    """One process that decodes, and the socket to it."""

    def __init__(self, function: str, search: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = child_process.module_command("tasks.services.frames.decoder_process", str(number), function)
            env = {name: os.environ[name] for name in VARIABLES if name in os.environ}
            env["PYTHONPATH"] = os.pathsep.join(search)
            try:
                self.process = child_process.start(command, env=env, inherit_env=False, pass_fds=[number])
            except BaseException:
                ours.close()
                raise
        self._channel = ours
        self._stream = cast("BinaryIO", ours.makefile("rwb"))

    def decode(self, request: Request, seconds: float) -> PreparedImage:
        """The child's answer; raises what it raised, EOFError or OSError where it ended, TimeoutError past the time."""
        self._channel.settimeout(seconds)
        self._stream.write(json.dumps(asdict(request)).encode() + b"\n")
        self._stream.flush()
        return read_answer(self._stream, request)

    def stop(self, timeout: float = child_process.STOP_SECONDS) -> int:
        """End it; its exit status."""
        for end in (self._stream, self._channel):
            with suppress(OSError):  # what was not sent, to a child that is no more
                end.close()
        return self.process.stop(timeout)


@dataclass(eq=False)
class ChildDecoders:
    """Decodes in children, as many as frames are asked for at a time. Safe to call from several threads.

    Attributes:
        function: What the children do with a request, as ``module:name``.
        seconds: That a frame may take.
        search: Folders where the children look for modules besides the project's.
    """

    function: str = DECODE
    seconds: float = FRAME_SECONDS
    search: Sequence[str] = ()
    _idle: list[_Child] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> PreparedImage:
        """Decode and prepare a frame.

        Raises:
            UnreadableImage: As in this process.
            DecodingEnded: The child ended over it, or took too long.
        """
        child, started = self._take(), time.monotonic()
        try:
            prepared = child.decode(request, self.seconds)
        except TimeoutError as error:
            child.stop(timeout=0)
            name, seconds = Path(request.path).name, time.monotonic() - started
            message = f"decoding was given up after {seconds:,.0f} s. Export it again, in fewer codestream tiles"
            raise DecodingEnded(f"{name}: {message}") from error
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise DecodingEnded(_ended(request, child)) from error
        except FloodExtentError:
            self._give_back(child)
            raise
        except BaseException:
            child.stop(timeout=0)
            raise
        self._give_back(child)
        return prepared

    def stop_idle(self) -> None:
        """End the children that nobody is waiting for; the next frame gets a new one."""
        with self._lock:
            idle, self._idle[:] = list(self._idle), []
        for child in idle:
            child.stop()

    def forget(self) -> None:
        """In a forked copy of the process: the children are its parent's."""
        self._idle, self._lock = [], threading.Lock()

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.process.alive:
                    return child
                child.stop()
        return _Child(self.function, self.search)

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)


def _ended(request: Request, child: _Child) -> str:
    status, name = child.stop(timeout=0), Path(request.path).name
    if status == -signal.SIGKILL:
        return f"{name}: decoding it was killed, for want of memory perhaps. Run where more memory is free"
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return f"{name}: its decoder crashed ({how}): the frame is damaged, or made to do so. Copy or export it again"


# They belong to the process: tiles of all its runs take them in turn.
_CHILDREN = ChildDecoders()
os.register_at_fork(after_in_child=_CHILDREN.forget)
stop_idle = _CHILDREN.stop_idle


def decoder_of(uri: str, in_child: InChild) -> Decode:
    """How to decode a frame.

    Args:
        uri: Where it was listed.
        in_child: ``auto``: frames from S3 in a child process, for strangers may have put them there.
    """
    return _CHILDREN if in_child == "always" or (in_child == "auto" and storage.is_s3(uri)) else decode
