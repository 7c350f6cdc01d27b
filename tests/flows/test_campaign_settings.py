"""What a campaign is told besides its own parameters: checked before anything is started."""

from typing import Any

import pytest

from flows.flood_campaign import _asked
from tasks.core.errors import UnusableArgument

OWN = {"dataset": "s3://frames/state", "output_directory": "out", "work_directory": "work"}


def test_settings_are_those_of_a_run() -> None:
    """Any of them, by name, beside the campaign's own."""
    asked = _asked({"endpoint": "sagemaker", "training_job": "job", "width": 2000}, **OWN)
    assert (asked.dataset, asked.training_job, asked.width) == ("s3://frames/state", "job", 2000)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"widht": 2000}, "widht: Extra inputs are not permitted"),
        ({"width": 2}, "width: Input should be greater than or equal to 16"),
        ({"endpoint": "sagemaker"}, "`endpoint` sagemaker needs `training_job`"),
        ({"review": True}, "takes no `review` here. Look at its product"),
        ({"dry_run": True}, "`flood-extent plan DATASET` says what a run of it would do"),
        ({"block": "x.json"}, "takes no `block` here"),
        ({"dataset": "other"}, "takes no `dataset` here. It is a parameter of the campaign itself"),
    ],
)
def test_settings_that_it_cannot_use_are_named(settings: dict[str, Any], words: str) -> None:
    """With what to do instead."""
    with pytest.raises(UnusableArgument) as error:
        _asked(settings, **OWN)
    assert words in str(error.value)
    assert "`settings`" in str(error.value)
