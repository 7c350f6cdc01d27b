"""``dry_run``: what a run would do, found out without doing it: headers are read, AWS is asked, nothing is written."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from prefect import State
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.parameters import RunParameters
from flows.preflight import check, plan_tiles, product_uri
from flows.run import run_identity
from flows.run.completion import EarlierRun, completed_parameters
from flows.run.given import chosen, read_given
from flows.run.known_calibration import by_tile, description, doubts, known_calibration
from flows.run.tile_work import estimate
from tasks.core.errors import EndpointRefused, EndpointUnavailable, UnusableArgument
from tasks.core.reports import plan_report
from tasks.core.reports.run_page import slug
from tasks.core.states import NOT_POSSIBLE, PLANNED
from tasks.core.tiles.estimates import Estimate, minutes_by
from tasks.core.tiles.plan import PREDICT, STAGES, Finding, Hosting, Plan, Verdict
from tasks.core.tiles.tile import Tile
from tasks.core.tiles.training_scale import long_side_px, scale_finding
from tasks.dataset import probe_dataset
from tasks.runtime import dashboard
from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.place_limit import places_finding
from tasks.services import storage
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.storage.uris import dataset_name
from tasks.services.work_directory import run_records
from tasks.services.work_directory.cached_tiles import CachedTiles

# Of a model that cannot be had, no answer is cached.
NO_MODEL = "none"
SECONDS_A_MINUTE = 60
ENDPOINT = "endpoint"

T = TypeVar("T")


def plan_run(asked: RunParameters, explicit: Collection[str] = ()) -> Plan:
    """Find out what a run would do.

    Args:
        asked: Its parameters.
        explicit: Names of those that were asked for by name, even where they stand at their default.

    Raises:
        UnusableArgument: An argument is wrong: a dataset that does not exist, an output that is another's.
    """
    with aws_access(asked.aws_block, asked.kms_key, requester_pays=asked.requester_pays):
        parameters, earlier = completed_parameters(asked, explicit)
        spec = parameters.endpoint_spec()
        known = None if earlier is None else earlier.model_identity
        # What an endpoint elsewhere has against a run is no refusal here but a finding.
        identity = check(parameters, NO_MODEL if spec.is_billed or spec.is_existing else known, writing=False)
        given = read_given(parameters)
        tiles = chosen(probe_dataset(parameters.dataset, parameters.crs, parameters.max_tile_megapixels), given).inside
        if earlier is not None:
            earlier.check_tiles(tiles)
        if spec.is_billed:
            return _on_sagemaker(parameters, tiles, earlier)
        if spec.is_existing:
            return _on_existing(parameters, tiles, earlier)
        plan = _plan(parameters, tiles, earlier, identity)
        return replace(plan, findings=_tile_findings(plan), local_minutes=_local_minutes(parameters, plan))


def _plan(parameters: RunParameters, tiles: Sequence[Tile], earlier: EarlierRun | None, identity: str) -> Plan:
    jobs = plan_tiles(parameters, tiles, identity)
    calibration = known_calibration(parameters, jobs, earlier, provisional=True)
    spec, doubtful = parameters.endpoint_spec(), doubts(parameters, ())
    if calibration is not None:
        jobs = plan_tiles(parameters, tiles, identity, by_tile(calibration))
    cached = CachedTiles.look_up(jobs)
    lacking = {stage: frozenset(job.tile.id for job in jobs if not cached.has(stage, job)) for stage in STAGES}
    places = {
        "product": product_uri(parameters),
        "work": storage.resolve(parameters.work_directory),
        "log": storage.resolve(parameters.log_storage_directory),
    }
    return Plan(
        parameters.dataset,
        jobs,
        lacking,
        places,
        parameters.endpoint,
        address=spec.address,
        left_out={} if earlier is None else earlier.dropped,
        completes=parameters.only_failed_of,
        taken_over=None if earlier is None else earlier.description,
        review_hours=parameters.review_hours if parameters.review else None,
        calibration=(*map(description, calibration or ()), *doubtful)
        if calibration or doubtful or spec.is_calibrated
        else None,
    )


def _tile_findings(plan: Plan) -> tuple[Finding, ...]:
    if plan.usable:
        return ()
    text = "none can be used, so there would be no product. What is wrong stands with each tile"
    return (Finding("tiles", Verdict.PROBLEM, text),)


def _on_sagemaker(parameters: RunParameters, tiles: Sequence[Tile], earlier: EarlierRun | None) -> Plan:
    endpoint_service(parameters.endpoint_spec())  # refuses where its extra is not installed
    from tasks.services.endpoints.sagemaker.readiness import Readiness  # noqa: PLC0415 - in the extra "aws"

    spec = parameters.endpoint_spec()
    readiness = Readiness(spec)
    trained, found = readiness.find_model()
    plan = _plan(parameters, tiles, earlier, NO_MODEL if trained is None else trained.identity())
    plan = replace(plan, findings=(*_tile_findings(plan), found))
    waiting = plan.waiting(PREDICT)
    if not waiting:
        return plan
    places = places_finding(spec.most_instances)
    would_wait = places is not None and places.verdict is Verdict.WARNING
    scale = () if trained is None else (scale_finding(long_side_px(plan.jobs), trained.base_size),)
    others = () if trained is None else readiness.of_model(trained, would_wait=would_wait)
    needed = estimate(parameters, waiting)
    findings = (
        *plan.findings,
        *scale,
        *others,
        *([places] if places else []),
        _minutes_finding(needed, parameters.max_endpoint_minutes),
    )
    return replace(plan, hosting=_hosting(parameters, needed), findings=findings)


def _on_existing(parameters: RunParameters, tiles: Sequence[Tile], earlier: EarlierRun | None) -> Plan:
    """A run looks at its endpoint in the same way: that changes nothing."""
    service, reports = endpoint_service(parameters.endpoint_spec()), list[str]()
    identity, found = _looked(service.model_identity)
    plan = _plan(parameters, tiles, earlier, identity or NO_MODEL)
    if identity is not None and plan.waiting(PREDICT):
        _, found = _looked(lambda: service.deploy(ENDPOINT, reports.append))
        found = found or Finding(ENDPOINT, Verdict.OK, reports[-1])
    return replace(plan, findings=(*_tile_findings(plan), *([found] if found else [])))


def _looked(look: Callable[[], T]) -> tuple[T | None, Finding | None]:
    """What was found, or what is said instead."""
    try:
        return look(), None
    except EndpointUnavailable as error:
        return None, Finding(ENDPOINT, Verdict.UNKNOWN, str(error))
    except EndpointRefused as error:
        return None, Finding(ENDPOINT, Verdict.PROBLEM, str(error))


def _hosting(parameters: RunParameters, needed: Estimate) -> Hosting:
    spec = parameters.endpoint_spec()
    predicting = needed.requests * parameters.predict_seconds / spec.in_flight / SECONDS_A_MINUTE
    return Hosting(
        instance_types=spec.instance_types,
        instance_count=spec.instance_count,
        max_instance_count=spec.most_instances if spec.is_scaled else None,
        deploying_minutes=needed.minutes - predicting,
        predicting_minutes=predicting,
        cap_minutes=parameters.max_endpoint_minutes,
        hour_price=parameters.instance_hour_price,
    )


def _minutes_finding(needed: Estimate, cap: float) -> Finding:
    try:
        needed.check(cap)
    except UnusableArgument as error:
        return Finding("endpoint minutes", Verdict.PROBLEM, str(error))
    text = f"about {needed.minutes:,.0f} of at most {cap:g}"
    return Finding("endpoint minutes", Verdict.OK, text)


def _local_minutes(parameters: RunParameters, plan: Plan) -> float | None:
    """By the product that is there, if it was made in the same way."""
    record = run_records.read(storage.join(plan.places["product"], run_records.RECORD))
    if record is None:
        return None
    to_do = {stage: len(plan.waiting(stage)) for stage in STAGES}
    try:
        made = record["parameters"]
        alike = all(made.get(name) == getattr(parameters, name) for name in ("endpoint", "model", "width"))
        return minutes_by(record, to_do, max(2, os.cpu_count() or 2)) if alike else None
    except (AttributeError, KeyError, TypeError, ValueError):  # a file that people can change
        return None


def rehearse(parameters: RunParameters) -> State[Any]:
    """Make the plan, show it, and say whether a run is possible. Nothing else is created.

    Returns:
        Completed ``Planned``, or Failed ``NotPossible`` where a run would be refused or could not get its endpoint.
    """
    name = dataset_name(parameters.dataset)
    run_identity.begin(f"plan of {name.replace('_', ' ')}")
    try:
        plan = plan_run(parameters)
    except UnusableArgument as error:
        get_run_logger().error("%s", error)
        return Failed(name=NOT_POSSIBLE, message=str(error), data=error)
    for line in plan_report.lines(plan):
        get_run_logger().info("%s", line)
    _show(plan, name)
    message = plan_report.essentials(plan)
    return Completed(name=PLANNED, message=message) if plan.possible else Failed(name=NOT_POSSIBLE, message=message)


def _show(plan: Plan, name: str) -> None:
    key = f"{slug(name)}-plan"
    about = f"What a run on {name} would do."
    dashboard.offer("plan", lambda: create_markdown_artifact(plan_report.markdown(plan), key, about))
    table, text = plan_report.tile_table(plan), plan_report.table_text(plan)
    dashboard.offer("plan of tiles", lambda: create_table_artifact(table, f"{key}-tiles", text))
