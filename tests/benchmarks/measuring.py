"""What a command takes: CPU seconds and peak memory of its process alone.

Linux counts the memory of the process that forked a child into the child's peak. So the command is started by a process
that holds nothing: this module, run as a script, which imports the standard library only.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass

BYTES_IN_KIB = 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds (user and system), peak resident bytes, and what the command printed."""

    cpu_s: float
    peak_bytes: int
    printed: str


def measure(*command: str) -> Cost:
    """Run a command to its end and measure it.

    Raises:
        CalledProcessError: The command failed.
    """
    done = subprocess.run([sys.executable, "-S", __file__, *command], stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def _measure_here(*command: str) -> Cost:
    with tempfile.TemporaryFile("w+") as printed:
        child = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        printed.seek(0)
        unit = 1 if sys.platform == "darwin" else BYTES_IN_KIB
        return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * unit, printed.read())


if __name__ == "__main__":
    print(json.dumps(asdict(_measure_here(*sys.argv[1:]))))
