"""The answers of a stage are cached under its version: nobody changes its code and keeps them without noticing."""

import ast
import hashlib
from pathlib import Path

import pytest

from tasks import core
from tasks.core import imagery, masks, polygons
from tasks.core.models import water_index

# By stage: its version, the packages that its answer comes from, and the digest of their code.
STAGES = {
    "prepare": (imagery.VERSION, ("imagery", "jpeg2000"), "5af5b70c9745e6e3"),
    "predict": (masks.VERSION, ("masks",), "d6faa5e91002f81a"),
    "extract": (polygons.VERSION, ("polygons",), "0e9c2a99ec9569ea"),
    "water-index": (water_index.VERSION, ("models/water_index.py",), "50bcca53852edfee"),
}
VERSIONS = {"prepare": 4, "predict": 2, "extract": 3, "water-index": 2}


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_answers_does_not_change_under_its_version(stage: str) -> None:
    """Where the answer to the same input changes, raise VERSION; then, and where it does not, renew the digest here."""
    version, packages, digest = STAGES[stage]
    assert (version, _digest(*packages)) == (VERSIONS[stage], digest)


def test_the_digest_goes_by_code() -> None:
    """Docstrings, comments and layout answer nothing; everything else may."""
    code = 'def f(x):\n    """Twice."""\n    return 2 * x  # doubled\n'
    assert _code(code) == _code("def f(x):\n\n    return (\n        2 * x\n    )\n")
    assert _code(code) != _code(code.replace("2", "3"))


def _digest(*packages: str) -> str:
    places = [Path(str(core.__file__)).parent / package for package in packages]
    modules = sorted(module for place in places for module in (place.rglob("*.py") if place.is_dir() else [place]))
    return hashlib.sha256("\n".join(_code(module.read_text()) for module in modules).encode()).hexdigest()[:16]


def _code(source: str) -> str:
    """A module's syntax tree, without texts that stand alone, as every version of Python has it."""
    return repr(_parts(ast.parse(source)))


def _parts(node: object) -> object:
    if isinstance(node, list):
        return [_parts(item) for item in node if not _is_text(item)]
    if not isinstance(node, ast.AST):
        return node
    # What a version adds to the grammar is empty where nobody uses it.
    known = [(name, _parts(value)) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return type(node).__name__, known


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
