"""What a campaign and its blocks' runs tell each other comes back as it was, and nothing else is believed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tile_jobs import tile_job

from flows.run.block_files import order_uri, read_order, read_result, result_uri
from tasks.core.errors import UnusableArgument
from tasks.core.tiles.block_records import ALL, BlockOrder, BlockResult
from tasks.core.tiles.ledger import Account
from tasks.services.work_directory import run_records


@pytest.fixture
def order(tmp_path: Path) -> BlockOrder:
    """Of two tiles."""
    jobs = (tile_job(str(tmp_path), "a"), tile_job(str(tmp_path), "b"))
    return BlockOrder("campaign", 7, ALL, "model", jobs)


@pytest.fixture
def uri(tmp_path: Path, order: BlockOrder) -> str:
    """Where it is written."""
    uri = order_uri(str(tmp_path), order.campaign, order.phase, order.number)
    run_records.write(uri, order.to_dict())
    return uri


def test_an_order_is_read_as_it_was_written(tmp_path: Path, uri: str, order: BlockOrder) -> None:
    """With all that the stages need of each tile."""
    assert read_order(uri, str(tmp_path)) == order


def test_files_lie_where_the_reader_says(uri: str, order: BlockOrder) -> None:
    """A work directory that is named in the file is not believed."""
    elsewhere = read_order(uri, "/elsewhere")
    assert elsewhere.jobs == tuple(replace(job, work_directory="/elsewhere") for job in order.jobs)


@pytest.mark.parametrize("key", ["../../etc", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
@pytest.mark.parametrize("stage", ["prepare_key", "predict_key", "extract_key"])
def test_a_key_that_is_none_is_refused(tmp_path: Path, uri: str, stage: str, key: str) -> None:
    """It would be part of a path."""
    values = json.loads(Path(uri).read_text())
    values["jobs"][1][stage] = key
    Path(uri).write_text(json.dumps(values))
    with pytest.raises(UnusableArgument, match=r"no key of a tile's files\. Start the campaign again"):
        read_order(uri, str(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"campaign": 1}', "{"])
def test_an_order_of_another_shape_is_refused(tmp_path: Path, uri: str, text: str) -> None:
    """With its name, and what to do."""
    Path(uri).write_text(text)
    with pytest.raises(UnusableArgument, match=r"00007\.json.*again"):
        read_order(uri, str(tmp_path))


def test_an_order_that_is_gone_is_named(tmp_path: Path) -> None:
    """Such as one that a person made up."""
    with pytest.raises(UnusableArgument, match=r"nowhere\.json: does not exist\. Campaigns give it to their runs"):
        read_order(str(tmp_path / "nowhere.json"), str(tmp_path))


def test_a_result_is_read_as_it_was_written(uri: str, order: BlockOrder) -> None:
    """Beside its order; until it is there, the block has not ended."""
    assert read_result(uri) is None
    accounts = (Account(order.jobs[0], "extract", seconds={"extract": 1.5}), Account(order.jobs[1], error="cut short"))
    result = BlockResult("a run", 6, accounts)
    run_records.write(result_uri(uri), result.to_dict())
    assert read_result(uri) == result


def test_a_damaged_result_is_named(uri: str) -> None:
    """Instead of being taken for a block without tiles."""
    run_records.write(result_uri(uri), {"accounts": []})
    with pytest.raises(
        UnusableArgument, match=r"ended\.json: not what a block's run writes .* Remove it and start again"
    ):
        read_result(uri)
