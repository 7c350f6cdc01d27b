"""Frozen records that check themselves when made, and go through JSON and back.

Tile-level tasks exchange them as plain dictionaries (``to_dict``) and rebuild them with ``from_dict``, so that a record
read from a cache passes the same checks as a fresh one.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter


class Record:
    """A dataclass that goes through JSON and back; what comes back has the types of its fields and no other keys."""

    __slots__ = ()
    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        plain: dict[str, Any] = asdict(self)  # type: ignore[call-overload] # what derives from it is a dataclass
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_dict`` or JSON.

        Raises:
            ValueError: They are of no such record.
        """
        rebuilt: Self = _adapter(cls).validate_python(values)  # type: ignore[arg-type] # classes are hashable
        return rebuilt


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
