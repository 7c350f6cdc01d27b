"""deployments/compose.yaml, and dask.yaml beside it, as docker compose reads them: parsed, variables filled in."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from command_line import ROOT

COMPOSE, DASK = (ROOT / "deployments" / name for name in ("compose.yaml", "dask.yaml"))
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?P<rule>:[-?])(?P<word>[^}]*)\}")
GIVEN = {
    "FLOOD_EXTENT_AUTH": "team:not a secret",
    "FLOOD_EXTENT_DATABASE_PASSWORD": "p@ss/w:rd",
    "FLOOD_EXTENT_REDIS_PASSWORD": "0123456789abcdef",
    "FLOOD_EXTENT_IMAGERY": "/imagery",
    "FLOOD_EXTENT_PRODUCTS": "/products",
}


class NotGiven(Exception):
    """A variable that has to be given."""


def composition(given: Mapping[str, str], file: Path = COMPOSE) -> dict[str, Any]:
    """The whole file, with these variables.

    Raises:
        NotGiven: With the name of the variable and the words of the file.
    """
    parsed: dict[str, Any] = _filled(yaml.safe_load(file.read_text()), given)
    return parsed


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, given) for one in value]
    return VARIABLE.sub(partial(_value, given), value) if isinstance(value, str) else value


def _value(given: Mapping[str, str], found: re.Match[str]) -> str:
    if found["name"] is None:
        return "$"
    value = given.get(found["name"], "")
    if not value and found["rule"] == ":?":
        raise NotGiven(f"{found['name']}: {found['word']}")
    return value or found["word"]
