"""Which runs of this machine are dead."""

import os
import signal
import subprocess
import sys

import pytest

from flows.run.liveness import HOST, PROCESS, executed_here, is_gone, this_process


def test_this_process_is_there() -> None:
    """Whoever asks is alive, and another machine's or an unlabelled run cannot be judged."""
    labels = this_process()
    assert not is_gone(labels)
    assert not is_gone({**labels, HOST: "elsewhere", PROCESS: "1:1"})
    assert not is_gone({})


@pytest.mark.parametrize("change", [{PROCESS: f"{os.getpid()}:1"}, {"flood-extent.boot": "another"}])
def test_the_same_number_is_not_the_same_process(change: dict[str, str]) -> None:
    """Process ids are used again, and after a restart of the machine all are."""
    assert is_gone({**this_process(), **change})


def test_a_killed_process_is_gone_and_what_it_ran_is_executed_no_more() -> None:
    """A process that a worker started for a run is known by its environment while it lives."""
    variables = {**os.environ, "PREFECT__FLOW_RUN_ID": "a-run-of-this-test"}
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()  # before that, the kernel may not show its environment yet
    assert "a-run-of-this-test" in executed_here()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert "a-run-of-this-test" not in executed_here()
