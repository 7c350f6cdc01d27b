"""Reading ahead: in order, bounded, and with nothing left behind."""

import threading
from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar

import pytest

from tasks.runtime.reading_ahead import read_ahead

NAME: ContextVar[str] = ContextVar("name")


def test_what_is_read_comes_in_order_whoever_is_first() -> None:
    """The first of two is answered last."""
    second_is_read = threading.Event()

    def read(item: int) -> int:
        if item == 0:
            assert second_is_read.wait(30)
        if item == 1:
            second_is_read.set()
        return 10 * item

    assert list(read_ahead(read, range(5), at_once=2)) == [0, 10, 20, 30, 40]


def test_no_more_are_taken_than_are_read_at_once() -> None:
    """Each may be large: a million tiles are no list in memory."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with closing(read_ahead(str, items(), at_once=3)) as read:
        assert next(read) == "0"
        assert len(taken) == 3
        assert next(read) == "1"
        assert len(taken) == 4
    assert len(taken) == 4


def test_whoever_reads_has_the_callers_context() -> None:
    """Messages go to the log of the caller's run."""
    NAME.set("mine")
    assert list(read_ahead(lambda _: NAME.get(), range(3))) == ["mine"] * 3


def test_what_cannot_be_read_is_raised_in_its_turn() -> None:
    """What comes before it is had, and nothing after it is begun."""
    begun: list[int] = []

    def read(item: int) -> int:
        begun.append(item)
        return 1 // (2 - item)

    answers = read_ahead(read, range(50), at_once=2)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(answers)
    assert max(begun) <= 3
