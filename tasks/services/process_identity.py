"""Which process this is, so that another can tell later whether it still runs. Linux; the standard library alone."""

import os
import socket
from pathlib import Path

PROC = Path("/proc")
START_TIME_FIELD = 19  # of /proc/PID/stat, counted from behind the command: field 22 in proc(5)


def host() -> str:
    """The name of this machine or container."""
    return socket.gethostname()


def boot() -> str:
    """Changes with every start of the machine."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def namespace() -> str:
    """In which process ids mean what they mean here: containers of one machine have one each."""
    try:
        return (PROC / "self/ns/pid").readlink().name
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """When a process started, in ticks since boot; empty where it does not exist. Process ids are used again."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[START_TIME_FIELD]


def this() -> tuple[int, str]:
    """Id and start time of this process."""
    return os.getpid(), start_time(os.getpid())
