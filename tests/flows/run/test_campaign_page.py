"""A campaign's page: a map of its blocks that says how far they are."""

import base64
import re
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_api import PrefectApi

from flows.run.campaign import DONE, FAILED, RUNNING, WAITING, BlockRun
from flows.run.campaign_page import BlockMap, page
from tasks.core.overview.block_map import COLOURS
from tasks.core.tiles.blocks import Block

ZONES = "EPSG:7855", "EPSG:7856"
PICTURE = re.compile(r"!\[(.+?)\]\(data:image/png;base64,([\w+/=]+)\)")


def block(number: int, state: str, crs: str = ZONES[0], run: UUID | None = None) -> BlockRun:
    """One of 1 km in a row."""
    bounds = (number * 1000.0, 0.0, number * 1000.0 + 1000, 1000.0) if crs else None
    return BlockRun(Block(number, (), crs, bounds), "order.json", 1, run, state)


def test_a_page_has_a_map_a_zone_and_names_what_failed() -> None:
    """With the colours of the states that are on it."""
    run = uuid4()
    blocks = [block(1, DONE), block(2, RUNNING), block(3, WAITING, ZONES[1]), block(4, FAILED, "", run)]
    text = page("town *north*", blocks)
    assert "4 blocks: 1 waiting (grey), 1 running (yellow), 1 done (blue), 1 failed (red)" in text
    assert re.search(rf"^- block 4: .*{run}", text, re.MULTILINE)
    assert "*north*" not in text
    pictures = {crs: base64.b64decode(png) for crs, png in PICTURE.findall(text)}
    assert set(pictures) == set(ZONES)
    first = cv2.imdecode(np.frombuffer(pictures[ZONES[0]], np.uint8), cv2.IMREAD_COLOR)
    shown = {tuple(pixel) for pixel in first.reshape(-1, 3)}
    assert {COLOURS["done"], COLOURS["running"]} <= shown
    assert not {COLOURS["waiting"], COLOURS["failed"]} & shown


def test_blocks_of_unknown_place_are_counted() -> None:
    """Nothing to draw is no reason to fail."""
    assert "1 block: 1 waiting" in page("town", [block(1, WAITING, "")])


@pytest.fixture
def server(prefect_server: str) -> PrefectApi:
    """The session's server."""
    return PrefectApi(prefect_server)


def test_one_artifact_fills(server: PrefectApi) -> None:
    """As blocks end, and not more often than a reader can follow; the end is always shown."""
    name = f"town-{uuid4().hex}"
    told = BlockMap(name, pause_seconds=3600)
    key = f"{name}-blocks"

    @flow
    def campaign() -> list[str]:
        told.show([block(1, RUNNING), block(2, WAITING)])
        told.show([block(1, DONE), block(2, RUNNING)])
        before = artifacts(server, key)
        told.show([block(1, DONE), block(2, DONE)])
        return before

    with temporary_settings({PREFECT_API_URL: server.api}):
        (before,) = campaign()
    (after,) = artifacts(server, key)
    assert "1 waiting (grey), 1 running (yellow)" in before
    assert "2 blocks: 2 done" in after


def artifacts(server: PrefectApi, key: str) -> list[str]:
    found = server.ask("artifacts/filter", {"artifacts": {"key": {"any_": [key]}}})
    return [str(one["data"]) for one in found]
