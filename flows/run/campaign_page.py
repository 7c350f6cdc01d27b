"""A campaign's page in the dashboard: a map of its blocks that fills as they end."""

import base64
import math
import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import cv2
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate

from flows.run.campaign import BlockRun
from tasks.core.overview.block_map import COLOURS, block_map
from tasks.core.reports.report_markdown import plain
from tasks.core.reports.run_page import slug
from tasks.core.text import counted
from tasks.runtime.dashboard import offer, page_of_run

PAUSE_SECONDS = 5.0
NAMED = 50
SIGNS = {"waiting": "grey", "running": "yellow", "done": "blue", "failed": "red"}


class BlockMap:
    """Shows how far a campaign's blocks are: one artifact, which is set anew as they end.

    Args:
        dataset_name: Of the campaign.
        pause_seconds: Between two pictures, at least.
    """

    def __init__(self, dataset_name: str, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._name, self._pause_seconds = dataset_name, pause_seconds
        self._artifact: UUID | None = None
        self._shown: list[str] = []
        self._at = -math.inf

    def show(self, blocks: Sequence[BlockRun]) -> None:
        """Show them, where something has changed, and not too often."""
        states = [one.state for one in blocks]
        over = not {"waiting", "running"} & set(states)
        if states == self._shown or not (over or time.monotonic() - self._at >= self._pause_seconds):
            return
        self._shown, self._at = states, time.monotonic()
        offer("map of blocks", lambda: self._put(page(self._name, blocks)))

    def _put(self, text: str) -> None:
        if self._artifact is None:
            self._artifact = UUID(str(create_markdown_artifact(text, key=f"{slug(self._name)}-blocks")))
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._artifact, ArtifactUpdate(data=text))


def page(dataset_name: str, blocks: Sequence[BlockRun]) -> str:
    """The blocks in Markdown: a map a CRS, how many are in which state, and the failed with their runs' pages."""
    counts = Counter(one.state for one in blocks)
    told = ", ".join(f"{counts[state]:,} {state} ({SIGNS[state]})" for state in COLOURS if counts[state])
    lines = [f"## Blocks of {plain(dataset_name)}", "", f"{counted(len(blocks), 'block')}: {told}", ""]
    for crs in sorted({one.block.crs for one in blocks if one.block.bounds is not None}):
        here = [(one.block.bounds, one.state) for one in blocks if one.block.crs == crs and one.block.bounds]
        png = base64.b64encode(cv2.imencode(".png", block_map(here))[1].tobytes()).decode()
        lines += [f"![{plain(crs)}](data:image/png;base64,{png})", "", plain(crs), ""]
    failed = [one for one in blocks if one.state == "failed"]
    lines += [f"- block {one.block.number:,}: {_run_of(one)}" for one in failed[:NAMED]]
    return "\n".join(lines)


def _run_of(one: BlockRun) -> str:
    address = page_of_run(one.run)
    return f"[its run]({address})" if address else f"its run {one.run}"
