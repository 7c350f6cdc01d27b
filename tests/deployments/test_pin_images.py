"""The digests behind the images' versions, renewed."""

import re

import pytest

from deployments import pin_images
from deployments.pin_images import pinned

NEW = f"sha256:{'a' * 64}"


@pytest.mark.parametrize("file", pin_images.FILES, ids=lambda file: file.name)
def test_a_renewal_changes_digests_and_nothing_else(file: pin_images.Path) -> None:
    """Versions, stages and services stay as they were written; every image of others' gets its new digest."""
    before = file.read_text()
    asked: list[str] = []
    after = pinned(before, lambda name: asked.append(name) or NEW)  # type: ignore[func-returns-value]
    assert re.sub(r"sha256:[0-9a-f]{64}", NEW, before) == after
    assert len(asked) == len(set(asked)) == len(set(re.findall(r"(\S+)@sha256", before)))


@pytest.mark.parametrize("line", ["FROM python:3.11.1-slim AS build", "    image: redis:7.2.1-bookworm"])
def test_a_new_version_gets_its_digest(line: str) -> None:
    """Whoever changes a tag leaves the digest out, or in: it is asked for."""
    name = line.replace("FROM", "image:").split()[1]
    stale = line.replace(name, f"{name}@sha256:{'0' * 64}")
    expected = line.replace(name, f"{name}@{NEW}")
    assert pinned(line, lambda _: NEW) == pinned(stale, lambda _: NEW) == expected


def test_what_is_built_here_is_left_alone() -> None:
    """The flow's own image has no registry."""
    line = "  image: ${FLOOD_EXTENT_IMAGE:-flood-extent:local}"
    assert pinned(line, lambda _: NEW) == line
