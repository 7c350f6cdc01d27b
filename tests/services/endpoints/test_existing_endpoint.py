"""A SageMaker endpoint that is there already: asked, and left as it is."""

from typing import Any

import pytest
from cloud import ROLE, RUN, Cloud, only, spec, tags_for, variant
from jpegs import water_and_crops

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.masks.labels import decode_mask
from tasks.services.endpoints.contract import Deployment, EndpointService, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.endpoints.sagemaker import invoking

NAME = "production"
THEIRS = {"project": "theirs"}


@pytest.fixture
def theirs(cloud: Cloud) -> Cloud:
    """Somebody else's endpoint, in service."""
    cloud.sandbox.settings(creating_seconds=0)
    cloud.three(NAME, THEIRS)
    invoking._made.cache_clear()
    cloud.sandbox.forget_requests()
    return cloud


def service(name: str = NAME, **changes: Any) -> EndpointService:
    return endpoint_service(spec(training_job="", endpoint_name=name, **changes))


def deploy(**changes: Any) -> Deployment:
    return service(**changes).deploy("run", lambda _: None)


def test_it_is_looked_at_and_asked_and_nothing_else(theirs: Cloud) -> None:
    """From the first look to the end of a run, no call creates, tags or deletes; it is there as before."""
    before, tags = theirs.left(), theirs.tags("endpoints", NAME)
    its = service()
    its.model_identity()
    deployment = Deployment.from_dict(its.deploy("run", lambda _: None).to_dict())
    png = endpoint_service(EndpointSpec(deployment.kind)).invoke(deployment, water_and_crops())
    assert decode_mask(png, 64, 48, "tile").any()
    assert (its.delete("run"), its.wait_until_gone("run", 1)) == ((), ())
    looks = {"DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "InvokeEndpoint"}
    assert theirs.sandbox.requests().keys() == looks
    assert (theirs.left(), theirs.tags("endpoints", NAME)) == (before, tags) == (only(NAME), THEIRS)


def test_a_name_like_a_runs_is_not_deleted_either(cloud: Cloud) -> None:
    """Whatever it is called, and whatever its tags: who names an endpoint wants it kept."""
    name = f"flood-extent-{RUN.hex}-1"
    cloud.three(name, tags_for(RUN))
    assert service(name).delete(name) == ()
    assert cloud.left() == only(name)


@pytest.mark.usefixtures("theirs")
def test_the_log_says_where_frames_go() -> None:
    """And that it stays."""
    lines: list[str] = []
    service().deploy("run", lines.append)
    assert lines == [f"endpoint {NAME} is in service: frames are sent there, and it is left as it is"]


def test_as_many_are_sent_at_once_as_its_instances_serve(theirs: Cloud) -> None:
    """Its own instances count, not those that a run would have deployed."""
    assert deploy(requests_per_instance=5, instance_count=20).in_flight == 5
    three = variant(NAME) | {"InitialInstanceCount": 3}
    theirs.client.create_endpoint_config(EndpointConfigName="large", ProductionVariants=[three])
    theirs.endpoint("large")
    assert deploy(name="large", requests_per_instance=5).in_flight == 15


def test_another_model_is_another_key(theirs: Cloud) -> None:
    """Answers that were cached hold until the endpoint gets another model, of the same image perhaps."""
    identities = [service().model_identity()]
    assert service().model_identity() == identities[0]
    theirs.model("newer")
    theirs.config("newer")
    theirs.client.update_endpoint(EndpointName=NAME, EndpointConfigName="newer")
    theirs.wait_for(NAME, "InService")
    assert service().model_identity() not in identities


def test_another_image_or_artifact_is_another_key(theirs: Cloud) -> None:
    """What the model is made of counts, whatever endpoint and model are called."""
    identities = set()
    for image, data in (("a:1", "s3://b/1.tar.gz"), ("a:2", "s3://b/1.tar.gz"), ("a:1", "s3://b/2.tar.gz")):
        name = f"m{len(identities)}"
        container = {"Image": image, "ModelDataUrl": data}
        theirs.client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        theirs.config(name)
        theirs.endpoint(name)
        identities.add(service(name).model_identity())
    assert len(identities) == 3


@pytest.mark.parametrize("ask", [lambda one: one.model_identity(), lambda one: one.deploy("run", print)])
@pytest.mark.usefixtures("theirs")
def test_one_that_is_not_there_is_refused(ask: Any) -> None:
    """The message has name, region and what to correct."""
    with pytest.raises(EndpointRefused, match="no endpoint 'misspelt' in region us-east-1: correct `endpoint_name`"):
        ask(service("misspelt"))


def test_one_that_is_not_in_service_is_refused(theirs: Cloud) -> None:
    """An update may bring another model: its status and what to do are said, and nothing is waited for."""
    theirs.sandbox.settings(creating_seconds=60)
    theirs.client.update_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    with pytest.raises(EndpointRefused, match=r"'production' is Updating, and only one that is InService.*Wait until"):
        deploy()


def test_one_that_has_failed_says_why(theirs: Cloud) -> None:
    """In AWS's words."""
    theirs.sandbox.fault("CreateEndpoint", "goes-failed")
    theirs.client.create_endpoint(EndpointName="bad", EndpointConfigName=NAME)
    theirs.wait_for("bad", "Failed")
    with pytest.raises(EndpointRefused, match=r"'bad' is Failed \(.*ping health check"):
        deploy(name="bad")


@pytest.mark.parametrize("kind", ["model", "endpoint configuration"])
def test_one_whose_model_cannot_be_told_is_refused(theirs: Cloud, kind: str) -> None:
    """It may serve on, but nobody knows whether cached answers are of the same model."""
    operation = {"model": "DescribeModel", "endpoint configuration": "DescribeEndpointConfig"}[kind]
    theirs.sandbox.fault(operation, "stale", times=None)
    with pytest.raises(EndpointRefused, match=f"has no {kind} 'production'"):
        service().model_identity()


def test_a_permission_that_is_missing_is_named(theirs: Cloud) -> None:
    """As AWS says it."""
    theirs.sandbox.fault("DescribeEndpointConfig", "access-denied", times=None)
    with pytest.raises(EndpointRefused, match="sagemaker:DescribeEndpointConfig"):
        service().model_identity()


def test_silence_of_aws_is_no_refusal(theirs: Cloud) -> None:
    """It may pass."""
    theirs.sandbox.fault("DescribeEndpoint", "unavailable", times=None)
    with pytest.raises(EndpointUnavailable):
        deploy()


def test_one_that_goes_away_meanwhile_was_no_runs_to_delete(theirs: Cloud) -> None:
    """The tile's error does not blame a lease that it never had."""
    deployment = deploy()
    theirs.client.delete_endpoint(EndpointName=NAME)
    with pytest.raises(EndpointRefused, match=r"not there any more \(.*\): deleted by hand\. Run again"):
        service().invoke(deployment, water_and_crops())
