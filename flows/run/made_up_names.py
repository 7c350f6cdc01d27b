"""Names that Prefect makes up for a run that nobody has named.

Its server joins two words of the package coolname (``charcoal-cassowary``); its pages put an adjective before an animal
(``Handcrafted-Pomsky``) or a Greek letter before a star (``rho6-mankib-fringe``). What else has dashes was typed.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from coolname.data import config

FROM_PAGES = re.compile(
    r"(?:Awesome|Rustic|Small|Gorgeous|Fantastic|Sleek|Intelligent|Unbranded|Refined|Licensed|Generic|Practical"
    r"|Ergonomic|Handcrafted|Tasty|Handmade|Incredible)-[A-Z][a-z]{1,5}"
    r"|(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi"
    r"|chi|psi|omega)\d{0,3}-[a-z]+(?:-[a-z]+)?"
)


def is_made_up(name: str) -> bool:
    """Whether Prefect made the name up; a name that a person typed in the same two words cannot be told from it."""
    first, _, second = name.partition("-")
    return FROM_PAGES.fullmatch(name) is not None or {first, second} <= _vocabulary()


@cache
def _vocabulary() -> frozenset[str]:
    """Every single word that coolname puts together."""
    parts: Mapping[str, Any] = config
    return frozenset(word for part in parts.values() for word in part.get("words", ()))
