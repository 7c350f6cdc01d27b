"""What each tile takes in the process that plans a run or a campaign, before and after its stages: memory, CPU, bytes.

Of tiles as listed in S3, without any: memory of what is held for each from the listing to the product, CPU of
planning and cutting into blocks, and bytes of what is written for each. Each size is measured in a process of its own.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from measuring import measure
from processes import peak_bytes, peak_from_now

from tasks.core.geo.grid import Grid
from tasks.core.models.nir_threshold import Split
from tasks.core.reports.run_json import tile_rows, to_json
from tasks.core.tiles.block_records import ALL, BlockOrder, BlockResult
from tasks.core.tiles.blocks import Block, spatial_blocks
from tasks.core.tiles.jobs import TileJob, content_key, plan_jobs
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.stage_records import FileHash
from tasks.core.tiles.tile import Tile

SIZES = (10_000, 100_000)
BLOCK_SIZE, ACROSS = 500, 600
TILE_PX, PIXEL_M = 10_000, 0.15
STAGES = ("prepare", "predict", "extract")

Made = TypeVar("Made")


def run() -> None:
    """Print a row a size, and what of it grows faster than the tiles."""
    for tiles in SIZES:
        found: dict[str, float] = json.loads(measure(sys.executable, __file__, str(tiles)).printed)
        held = f"{found['held_bytes'] / tiles / 1e3:.2f} kB held, {found['peak_bytes'] / tiles / 1e3:.2f} at the peak"
        took = ", ".join(f"{name} {1e6 * found[name] / tiles:.0f}" for name in ("plan", "cut", "order", "read"))
        wrote = ", ".join(f"{name} {found[name] / tiles:.0f}" for name in ("order bytes", "result bytes", "row bytes"))
        print(f"planning: {tiles:,} tiles; each: {held}; CPU µs: {took}; {wrote}")


def _measured(number: int) -> dict[str, float]:
    gc.collect()
    before = peak_from_now()
    tiles = [_tile(one) for one in range(number)]
    jobs, plan_s = _timed(lambda: _jobs(tiles))
    ledger = Ledger(jobs)
    for job in jobs:
        for stage in STAGES:
            ledger.done(job, stage, seconds=0.4, file=FileHash.of(job.key(stage).encode()))
    gc.collect()
    held = peak_from_now() - before
    blocks, cut_s = _timed(lambda: spatial_blocks(jobs, BLOCK_SIZE))
    order_bytes, order_s = _timed(lambda: sum(len(_order(block)) for block in blocks))
    results = _results(ledger, blocks)
    result_bytes = 0
    read_s = 0.0
    for result in results:  # one at a time, as they are read
        _, seconds = _timed(lambda result=result: BlockResult.from_dict(json.loads(result)))
        result_bytes, read_s = result_bytes + len(result), read_s + seconds
    rows = to_json({"tiles": tile_rows(ledger.accounts, [])})
    return {
        "held_bytes": held,
        "peak_bytes": peak_bytes(os.getpid()) - before,
        "plan": plan_s,
        "cut": cut_s,
        "order": order_s,
        "read": read_s,
        "order bytes": order_bytes,
        "result bytes": result_bytes,
        "row bytes": len(rows),
    }


def _order(block: Block) -> str:
    return json.dumps(BlockOrder("c", block.number, ALL, "m", block.jobs).to_dict())


def _results(ledger: Ledger, blocks: Sequence[Block]) -> Iterator[str]:
    accounts = {account.job.tile.id: account for account in ledger.accounts}
    for block in blocks:
        of_block = tuple(accounts[job.tile.id] for job in block.jobs)
        yield json.dumps(BlockResult("r", 3 * len(of_block), of_block).to_dict())


def _jobs(tiles: list[Tile]) -> list[TileJob]:
    told = dict.fromkeys((tile.id for tile in tiles), Split(70, 96))
    asked: dict[str, Any] = {"width_px": 1000, "model_identity": "m", "flood_labels": [1, 2], "max_pixels": 1 << 29}
    return plan_jobs(tiles, work_directory="s3://flood-work/campaigns/work", with_confidence=True, told=told, **asked)


def _timed(work: Callable[[], Made]) -> tuple[Made, float]:
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def _tile(number: int) -> Tile:
    row, column = divmod(number, ACROSS)
    side_m = TILE_PX * PIXEL_M
    place = (PIXEL_M, 0.0, 300_000 + column * side_m, 0.0, -PIXEL_M, 6_800_000 - row * side_m)
    key = f"hawkesbury/2021_03/{column:04}_{row:04}.jp2"
    grid = Grid(TILE_PX, TILE_PX, place, "EPSG:7856")
    return Tile(key, f"s3://flood-imagery/{key}", 40_000_000, content_key(number), bands=4, grid=grid)


if __name__ == "__main__":
    print(json.dumps(_measured(int(sys.argv[1]))))
