"""Frames that people had: luma and chroma, and the white collar of an orthophoto, through the whole flow."""

from pathlib import Path

import pytest
from command_line import CommandLine


def _hectares(command: CommandLine, folder: Path) -> dict[str, tuple[float, float]]:
    """Flooded and observed, by tile."""
    if not folder.is_dir():
        pytest.skip(f"the case is not here: {folder}")
    status, printed = command("run", folder)
    assert status == 0, printed
    tiles = command.record(folder.name)["tiles"]
    return {tile["tile"]: (tile["flood_m2"] / 1e4, tile["observed_m2"] / 1e4) for tile in tiles}


@pytest.mark.slow
def test_luma_and_chroma_are_mapped_as_rgb_is(command: CommandLine, shared_data: Path) -> None:
    """A frame in sYCC has the lake where the same frame in RGB has it, and not the land."""
    found = _hectares(command, shared_data / "found" / "sycc")
    assert found["rgb/frame.jp2"] == found["sycc/frame.jp2"]
    assert found["sycc/frame.jp2"] == pytest.approx((5.18, 30.02), abs=0.01)


@pytest.mark.slow
def test_a_white_collar_is_not_observed(command: CommandLine, shared_data: Path) -> None:
    """With NoData declared and without, the collar is not observed; where nothing declares it, that is said."""
    found = _hectares(command, shared_data / "found" / "white-collar")
    assert [observed for _, observed in found.values()] == pytest.approx([21.0, 21.0], abs=0.1)
    warnings = {tile["tile"]: tile["warnings"] for tile in command.record("white-collar")["tiles"]}
    assert {tile: len(texts) for tile, texts in warnings.items()} == {"plain/frame.jp2": 1, "with-nodata/frame.jp2": 0}
