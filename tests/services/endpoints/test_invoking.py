"""Asking an endpoint: real clients, the sandbox's faults, and no more requests than it can serve."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import pytest
from cloud import RUN, Cloud
from jpegs import water_and_crops

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.core.masks.answers import decode_answer
from tasks.core.masks.labels import decode_mask
from tasks.core.models import water_index
from tasks.core.models.known_models import MAX_BODY_BYTES, RECORD_TYPE
from tasks.core.models.nir_threshold import Split
from tasks.services.endpoints.sagemaker import invoking
from tasks.services.endpoints.sagemaker.invoking import Limits, invoke
from tasks.services.endpoints.teardown.sagemaker_resources import resource_name

NAME = resource_name(RUN, 1)
QUICK = Limits(connect_seconds=2, read_seconds=0.5, attempts=2)


@pytest.fixture
def endpoint(cloud: Cloud) -> Cloud:
    """An endpoint in service, and no client of an earlier test."""
    cloud.sandbox.settings(creating_seconds=0)
    cloud.three(NAME)
    invoking._made.cache_clear()
    cloud.sandbox.forget_requests()
    return cloud


def asked(endpoint: Cloud) -> int:
    return endpoint.sandbox.requests().get("InvokeEndpoint", 0)


@pytest.mark.usefixtures("endpoint")
def test_the_answer_is_the_models() -> None:
    """What comes back is, pixel for pixel, what the model says of the image that was sent."""
    image = water_and_crops()
    nrg = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    labels = water_index.predict(nrg)
    mask = decode_mask(invoke(NAME, image, 1), labels.shape[1], labels.shape[0], "tile")
    np.testing.assert_array_equal(mask, labels)


@pytest.mark.usefixtures("endpoint")
def test_probabilities_give_the_labels_of_the_mask() -> None:
    """Their largest is, pixel for pixel, the label that the endpoint answers as a mask."""
    image = water_and_crops()
    found = decode_answer(invoke(NAME, image, 1, accept=RECORD_TYPE), 64, 48, "tile")
    assert found.shape == (2, 48, 64)
    np.testing.assert_array_equal(found.argmax(axis=0), decode_mask(invoke(NAME, image, 1), 64, 48, "tile"))


@pytest.mark.usefixtures("endpoint")
def test_probabilities_of_a_large_image_do_not_fit_an_answer() -> None:
    """As AWS documents it, at 6,291,456 bytes; a label mask of the same image does."""
    image = water_and_crops(900, 900)
    with pytest.raises((EndpointUnavailable, EndpointRefused), match="exceeds 6291456 bytes"):
        invoke(NAME, image, 1, accept=RECORD_TYPE)
    assert decode_mask(invoke(NAME, image, 1), 900, 900, "tile").any()


@pytest.mark.usefixtures("endpoint")
def test_the_container_is_told_what_the_request_says() -> None:
    """A threshold of 0 leaves no water: it has come through AWS to the model."""
    told = invoke(NAME, water_and_crops(), 1, attributes=water_index.attributes(Split(0, 64)))
    assert not decode_mask(told, 64, 48, "tile").any()
    assert decode_mask(invoke(NAME, water_and_crops(), 1), 64, 48, "tile").any()


@pytest.mark.parametrize("error", ["throttling", "unavailable", "internal"])
def test_what_passes_is_asked_again(endpoint: Cloud, error: str) -> None:
    """One bad moment of AWS's costs a tile nothing."""
    endpoint.sandbox.fault("InvokeEndpoint", error)
    assert invoke(NAME, water_and_crops(), 1)
    assert asked(endpoint) == 2


@pytest.mark.parametrize("error", ["throttling", "unavailable", "internal"])
def test_what_lasts_is_left_to_the_tasks_retry(endpoint: Cloud, error: str) -> None:
    """After few attempts, so that a dead endpoint does not hold every tile for minutes."""
    endpoint.sandbox.fault("InvokeEndpoint", error, times=None)
    with pytest.raises(EndpointUnavailable, match="AWS cannot just now"):
        invoke(NAME, water_and_crops(), 1)
    assert asked(endpoint) == invoking.LIMITS.attempts


def test_the_models_refusal_is_final(endpoint: Cloud) -> None:
    """The same image would be refused again: the model's words and the log group are in the error, once."""
    endpoint.sandbox.fault("InvokeEndpoint", "model-error-400")
    expected = rf"model answered 400: unable to evaluate payload provided\. .*/aws/sagemaker/Endpoints/{NAME}"
    with pytest.raises(EndpointRefused, match=expected):
        invoke(NAME, water_and_crops(), 1)
    assert asked(endpoint) == 1


def test_the_models_failure_may_pass(endpoint: Cloud) -> None:
    """A container that crashed is started again: the task's retry will meet the new one."""
    endpoint.sandbox.fault("InvokeEndpoint", "model-error-500")
    with pytest.raises(EndpointUnavailable, match=rf"model answered 500: .*/aws/sagemaker/Endpoints/{NAME}"):
        invoke(NAME, water_and_crops(), 1)
    assert asked(endpoint) == 1


def test_a_model_that_is_too_slow_is_said_to_be(endpoint: Cloud) -> None:
    """Sixty seconds were not enough, and would not be again: what to change is in the message."""
    endpoint.sandbox.fault("InvokeEndpoint", "model-timeout")
    with pytest.raises(EndpointRefused, match=r"within SageMaker's 60 s.*smaller width or a larger instance type"):
        invoke(NAME, water_and_crops(), 1)


def test_a_hang_ends(endpoint: Cloud) -> None:
    """Silence is waited out a bounded number of times."""
    endpoint.sandbox.fault("InvokeEndpoint", "hang", seconds=1.5, times=None)
    with pytest.raises(EndpointRefused, match=r"did not answer within 0\.5 s, 2 times"):
        invoke(NAME, water_and_crops(), 1, QUICK)
    assert asked(endpoint) == 2


def test_one_hang_costs_one_attempt(endpoint: Cloud) -> None:
    """A connection that was lost on the way is no fault of the endpoint's."""
    endpoint.sandbox.fault("InvokeEndpoint", "hang", seconds=1.5)
    assert invoke(NAME, water_and_crops(), 1, QUICK)


def test_a_slow_model_gets_its_time() -> None:
    """SageMaker's own limit comes first, so that its words arrive."""
    assert invoking.LIMITS.read_seconds > invoking.ANSWER_SECONDS


def test_an_image_that_is_too_large_is_not_sent(endpoint: Cloud) -> None:
    """SageMaker would refuse it after six megabytes have crossed the country."""
    with pytest.raises(EndpointRefused, match=r"6,291,457 bytes is larger than the 6,291,456.*smaller width"):
        invoke(NAME, bytes(MAX_BODY_BYTES + 1), 1)
    assert asked(endpoint) == 0


def test_awss_own_limit_is_final_too(endpoint: Cloud) -> None:
    """Should AWS take less than it says."""
    endpoint.sandbox.fault("InvokeEndpoint", "body-too-large")
    with pytest.raises(EndpointRefused, match="413"):
        invoke(NAME, water_and_crops(), 1)


def test_a_denied_question_names_the_permission(endpoint: Cloud) -> None:
    """AWS's own sentence says what to grant."""
    endpoint.sandbox.fault("InvokeEndpoint", "access-denied")
    with pytest.raises(EndpointRefused, match=r"sagemaker:InvokeEndpoint.*Grant this permission"):
        invoke(NAME, water_and_crops(), 1)


def test_an_endpoint_that_has_gone_is_final(endpoint: Cloud) -> None:
    """Nobody brings it back in this run: each tile left would spend its retries in vain."""
    endpoint.client.delete_endpoint(EndpointName=NAME)
    with pytest.raises(EndpointRefused, match=r"is not there any more.*Run again: what was answered is kept"):
        invoke(NAME, water_and_crops(), 1)


@pytest.mark.usefixtures("endpoint")
def test_nobody_at_the_address_may_pass(aws_settings: pytest.MonkeyPatch) -> None:
    """A network that is away is not an endpoint that refuses."""
    aws_settings.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EndpointUnavailable, match="AWS does not answer just now"):
        invoke(NAME, water_and_crops(), 1, QUICK)


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_requests_at_once_than_it_serves(endpoint: Cloud, in_flight: int) -> None:
    """From the very first moment, when all threads ask at once: the endpoint throttles above, and never had to."""
    endpoint.sandbox.settings(concurrency=in_flight)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: invoke(NAME, water_and_crops(), in_flight), range(48)))
    assert all(answers)
    assert asked(endpoint) == 48


@pytest.mark.slow
def test_the_endpoint_does_throttle_above_its_limit(endpoint: Cloud) -> None:
    """Else the test above would prove nothing."""
    endpoint.sandbox.settings(concurrency=1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempted, range(24)))
    assert asked(endpoint) > 24


def attempted(_: int) -> bytes | FloodExtentError:
    try:
        return invoke(NAME, water_and_crops(), 8)
    except FloodExtentError as error:
        return error


@pytest.mark.slow
@pytest.mark.parametrize(("per_second", "in_flight"), [(5, 4), (5, 16), (20, 4), (20, 8)])
def test_a_throttling_endpoint_answers_all_with_few_requests(
    endpoint: Cloud, per_second: float, in_flight: int
) -> None:
    """200 images: none fails for a task, which asks again, and fewer than a fifth of the requests go to the pace."""

    def asked_again(_: int) -> bytes:
        with suppress(EndpointUnavailable):  # a busy machine may keep no pace
            return invoke(NAME, water_and_crops(), in_flight)
        return invoke(NAME, water_and_crops(), in_flight)

    endpoint.sandbox.settings(per_second=per_second)
    with ThreadPoolExecutor(in_flight) as pool:
        answers = list(pool.map(asked_again, range(200)))
    assert all(answers)
    assert asked(endpoint) < 1.2 * 200


def test_the_environment_is_read_anew(endpoint: Cloud, aws_settings: pytest.MonkeyPatch) -> None:
    """Another run in this process may have other credentials."""
    first: Any = invoking._line(NAME, 1, QUICK)
    aws_settings.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert invoking._line(NAME, 1, QUICK) is not first
    assert asked(endpoint) == 0
