"""What lets tiles into a stage."""

from typing import Protocol


class Gate(Protocol):
    """Lets tiles in, some at a time; is asked and told by one thread."""

    def room(self, under_way: int) -> int:
        """How many more may come in now, besides those that are in."""
        ...

    def refusal(self, under_way: int) -> str | None:
        """Why those that wait will never come in, in words that follow their number; None while they may."""
        ...

    def asked(self) -> None:
        """One has come in."""
        ...

    def heard(self, error: BaseException | None) -> None:
        """One has ended: why it failed, None where it did not."""
        ...


class Open:
    """Lets all in."""

    def room(self, under_way: int) -> int:  # noqa: ARG002 - the protocol's
        """One more, always."""
        return 1

    def refusal(self, under_way: int) -> str | None:  # noqa: ARG002 - the protocol's
        """Never."""
        return None

    def asked(self) -> None:
        """It counts nothing."""

    def heard(self, error: BaseException | None) -> None:
        """It learns nothing."""


OPEN = Open()
