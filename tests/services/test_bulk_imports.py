"""The collector of cycles rests during imports, and works afterwards as before."""

import gc
import importlib
from collections.abc import Iterator

import pytest

from tasks.services.bulk_imports import bulk_imports


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """What was frozen is collected again, and the collector on."""
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_meanwhile_and_the_rest_afterwards() -> None:
    """It is off in the block and on after it, where it was on, even if an import fails; cycles made later still go."""
    with pytest.raises(ModuleNotFoundError), bulk_imports():
        importlib.import_module("no_such_module_is_there")
    assert gc.isenabled()
    with bulk_imports():
        assert not gc.isenabled()
    assert gc.get_freeze_count() > 0
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1


def test_a_collector_that_is_off_stays_off() -> None:
    """So it is for who has switched it off, and for a block in a block."""
    with bulk_imports():
        with bulk_imports():
            pass
        assert not gc.isenabled()
