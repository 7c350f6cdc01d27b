"""The answers of a stage are cached under its version: nobody changes its code and keeps them without noticing."""

import ast
import hashlib
import io
import tokenize
from pathlib import Path

import pytest

from tasks import core
from tasks.core import imagery, masks, polygons

# By stage: its version, the packages that its answer comes from, and the digest of their code.
STAGES = {
    "prepare": (imagery.VERSION, ("imagery", "jpeg2000"), ""),
    "predict": (masks.VERSION, ("masks",), ""),
    "extract": (polygons.VERSION, ("polygons",), ""),
}
VERSIONS = {"prepare": 2, "predict": 1, "extract": 1}
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef)


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_answers_does_not_change_under_its_version(stage: str) -> None:
    """Where the answer to the same input changes, raise VERSION; then, and where it does not, renew the digest here."""
    version, packages, digest = STAGES[stage]
    assert (version, _digest(*packages)) == (VERSIONS[stage], digest)


def test_the_digest_goes_by_code() -> None:
    """Docstrings, comments and blank lines answer nothing; everything else may."""
    code = 'def f(x):\n    """Twice."""\n    return 2 * x  # doubled\n'
    assert _code(code) == _code("def f(x):\n\n    return 2 * x\n")
    assert _code(code) != _code(code.replace("2", "3"))


def _digest(*packages: str) -> str:
    folders = [Path(str(core.__file__)).parent / package for package in packages]
    modules = sorted(module for folder in folders for module in folder.glob("*.py"))
    return hashlib.sha256("\n".join(_code(module.read_text()) for module in modules).encode()).hexdigest()[:16]


def _code(source: str) -> str:
    """The lines of a module that are code."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node) is not None:
            words = node.body[0]
            lines[words.lineno - 1 : words.end_lineno] = [""] * (int(words.end_lineno or 0) - words.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
