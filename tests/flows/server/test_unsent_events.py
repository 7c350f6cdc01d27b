"""The end of a process whose Prefect API no longer takes what it has to tell."""

import asyncio

from prefect._internal.concurrency.services import QueueService

from flows.server.unsent_events import send_or_drop


class Sender(QueueService[int]):
    """Prefect's own background sender, to an API that takes nothing, or everything."""

    def __init__(self, takes: bool) -> None:
        super().__init__(takes)
        self._takes = takes
        self.taken: list[int] = []

    async def _handle(self, item: int) -> None:
        if not self._takes:
            await asyncio.sleep(1)
        self.taken.append(item)


def started(*, takes: bool) -> Sender:
    sender = Sender.instance(takes)
    for item in range(200):
        sender.send(item)
    return sender


def test_what_is_left_is_sent() -> None:
    """Where the API answers, nothing is lost."""
    sender = started(takes=True)
    send_or_drop()
    assert sender.taken == list(range(200))


def test_what_nobody_takes_is_dropped() -> None:
    """Where the API is gone, the process does not wait for each item in turn."""
    sender = started(takes=False)
    send_or_drop(stalled_seconds=0.2)
    sender.drain()
    assert len(sender.taken) <= 2
