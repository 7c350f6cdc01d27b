"""Which runs may have instances added by the load."""

from typing import Any

import pytest
from pydantic import ValidationError

from flows.parameters import RunParameters

DEPLOYED = {"endpoint": "sagemaker", "training_job": "job"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_instance_count": 2}, "is for `endpoint` sagemaker with `training_job`"),
        ({"endpoint": "sagemaker", "endpoint_name": "theirs", "max_instance_count": 2}, "not the run's to scale"),
        ({"endpoint": "batch", "training_job": "job", "max_instance_count": 2}, "is for `endpoint` sagemaker"),
        ({**DEPLOYED, "instance_count": 3, "max_instance_count": 2}, "2 is less than `instance_count` 3"),
    ],
)
def test_what_cannot_be_scaled_is_refused(settings: dict[str, Any], words: str) -> None:
    """The message names the parameter, its value and what to do."""
    with pytest.raises(ValidationError, match=words):
        RunParameters(dataset="tiles", **settings)


@pytest.mark.parametrize(("most", "counted", "scaled"), [(None, 2, False), (2, 2, False), (5, 5, True)])
def test_what_counts_is_the_most_that_there_may_be(most: int | None, counted: int, scaled: bool) -> None:
    """For quota and limit; the first instances alone count for the estimate of minutes."""
    spec = RunParameters(dataset="tiles", **DEPLOYED, instance_count=2, max_instance_count=most).endpoint_spec()
    assert (spec.most_instances, spec.is_scaled, spec.in_flight) == (counted, scaled, 8)
