"""The documents: what they point to is there, and what they list is all that there is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from command_line import ROOT

from flows.parameters import RunParameters
from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition, Event
from tasks.core.product.layer_assembly import assemble

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "deployments", "infra/aws")
    for path in (ROOT / folder).glob("*.md")
)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
# Between backticks: a path below one of our folders, or a file of the root by its ending.
PATH = re.compile(r"`((?:flows|tasks|infra|deployments|tests|docs)/[\w./-]*)`")
# Files that people make, which the project does not have.
MADE = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _anchors(document: Path) -> set[str]:
    """The headings, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _rows(document: str, heading: str) -> Iterator[str]:
    """First cells of the tables below a heading, without backticks."""
    section = re.search(
        rf"^#+ {re.escape(heading)}.*?\n(.*?)(?=^#|\Z)", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL
    )
    assert section, f"{document} has no {heading}"
    yield from re.findall(r"^\| `([^`]+)`", section[1], re.MULTILINE)


def _columns(document: str, heading: str) -> Iterator[str]:
    """As ``_rows``, where a row may name several."""
    section = re.search(
        rf"^#+ {re.escape(heading)}.*?\n(.*?)(?=^#|\Z)", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL
    )
    assert section, f"{document} has no {heading}"
    for cells in re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", section[1], re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", cells)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Every relative link names a file, and where it names a heading, the file has it."""
    here = ROOT / document
    for path, anchor in LINK.findall(FENCED.sub("", here.read_text())):
        target = (here.parent / path).resolve() if path else here
        assert target.exists(), f"{document}: {path}"
        assert not anchor or anchor in _anchors(target), f"{document}: {path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_are_there(document: str) -> None:
    """A file or folder of the project that is named between backticks exists."""
    named = set(PATH.findall((ROOT / document).read_text())) - MADE
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_document_is_linked() -> None:
    """From the README a reader gets to each page."""
    readme = {path for path, _ in LINK.findall((ROOT / "README.md").read_text())}
    assert [name for name in DOCUMENTS if name not in {*readme, "README.md"}] == []


def test_every_command_is_listed() -> None:
    """The README's table has the commands of the program, and no others."""
    listed = {row.split()[1] for row in _rows("README.md", "Commands")}
    shown = subprocess.run(
        [sys.executable, "-m", "flows", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"^ +([a-z]+)  +\S", shown, re.MULTILINE)) == listed


def test_every_parameter_is_listed() -> None:
    """The page of parameters has each of the flow's, with its default."""
    page = (ROOT / "docs" / "parameters.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`|\w+) \|", page, re.MULTILINE))
    assert list(rows.keys() - RunParameters.model_fields.keys()) == []
    for name, field in RunParameters.model_fields.items():
        default = field.default if isinstance(field.default, list) else [field.default]
        known = [f"{one:g}" if isinstance(one, float) else str(one) for one in default]
        shown = "" if field.is_required() or field.default is None else " ".join(known)
        assert rows[name].lower() == shown.lower(), name


def test_every_column_is_listed() -> None:
    """The data model has the columns of each layer and table, in their order."""
    edition = Edition("town", "/data/town", Event(), (), "run", "model", datetime.now(UTC))
    for layer in described(assemble([], [], 0.0), edition):
        rows = _columns("docs/data-model.md", f"`{layer.base}` (")
        assert [name for name in rows if name != "cloud_frac" or name in layer.columns] == list(layer.columns), (
            layer.base
        )


def test_every_target_is_explained() -> None:
    """`make help` has a word for each target that people call."""
    makefile = (ROOT / "Makefile").read_text()
    explained = set(re.findall(r"^([a-z%-]+):[^#\n]*## \S", makefile, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert explained == {*phony.split(), "install-%"}


def test_hooks_are_the_linters() -> None:
    """What runs before a commit is what `make lint` runs, with the same tools."""
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in local["hooks"]}
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    assert hooks == set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe[1]))
