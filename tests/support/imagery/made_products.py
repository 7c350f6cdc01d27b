"""Products as runs write them, without a run."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from cut_scenes import answered, grid_of

from tasks.core.formats.product_files import write_layers
from tasks.core.metadata.footprint import wgs84_bounds
from tasks.core.overview.overview import draw
from tasks.core.product.attributes import described
from tasks.core.product.edition import CaptureTime, Edition, Event, Origin
from tasks.core.product.layer_assembly import assemble
from tasks.core.reports.editions import sources_of
from tasks.core.reports.run_json import run_record
from tasks.core.reports.sheet_figures import figures_of
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile
from tasks.services.publishing.documents import write_documents
from tasks.services.publishing.publishing import zip_folder

MADE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def made_product(folder: Path) -> Path:
    """A product of one tile with a large and a small polygon of flood, the large one further north."""
    labels = np.zeros((60, 60), np.uint8)
    labels[5:25, 5:45] = labels[40:44, 10:14] = 1
    grid = grid_of(labels)
    frame = Tile("1.jp2", "/data/town/1.jp2", 9, "x", grid=grid)
    ledger = Ledger([TileJob(frame, grid, 1, (1,), *"abc", "/w")])
    for stage in ("prepare", "predict", "extract"):
        ledger.done(ledger.standing[0], stage, seconds=1.0)
    captured = CaptureTime.in_text("2021-04-03", Origin.PARAMETER)
    sources = sources_of(ledger.accounts, captured)
    edition = Edition(folder.name, "/data/town", Event("EMSR1", "High water"), sources, "run", "model", MADE)
    tile = answered("1.jp2", labels, grid, confidence=np.full(labels.shape, 200, np.uint8))
    layers = described(assemble([tile], [], 0.0), edition)
    folder.mkdir(parents=True)
    write_layers(layers, folder, made=MADE)
    (folder / "overview.png").write_bytes(
        draw(layers, [], edition=edition, figures=figures_of(layers), long_side_px=600)
    )
    record = run_record(
        dataset="/data/town",
        flow_run_id="run",
        state="Completed",
        parameters={"dataset": "/data/town", "formats": ["gpkg", "shp"]},
        accounts=ledger.accounts,
        layers=layers,
        started=MADE,
        finished=MADE,
        model_identity="model",
        edition=edition,
        bounds=wgs84_bounds(layers),
    )
    write_documents(folder, record, layers, edition)
    zip_folder(folder, folder / f"{folder.name}.zip", MADE)
    return folder
