"""Tiles on their way through stages, against a real Prefect server."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tile_jobs
from prefect import Task, flow
from prefect.runtime import task_run
from prefect.states import Crashed
from tile_jobs import HISTOGRAM

from tasks.core.errors import CutShort, EndpointGone, EndpointUnavailable, WrongMask, WrongMaskFormat
from tasks.core.geo.grid import Grid
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.stage_records import FileHash
from tasks.core.tiles.tile import Tile
from tasks.runtime.endpoint_gate import EndpointGate
from tasks.runtime.gates import OPEN, Gate
from tasks.runtime.outcomes import note
from tasks.runtime.policies import tile_task
from tasks.runtime.runners import threads
from tasks.runtime.tile_stream import Pool, Stage, Stream, stream
from tasks.runtime.trial import Trial
from tasks.services.endpoints.contract import Deployment
from tasks.services.work_directory.cached_files import keep

GRID = Grid(64, 64, (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_000_000.0), "EPSG:7855")
PREVIEW = b"a preview"


pytestmark = pytest.mark.usefixtures("prefect_api")


def planned(names: str, work: Path) -> list[TileJob]:
    """Tiles of these names, whose results are kept in a folder of the test."""
    tiles = [Tile(f"{name}.jp2", f"/data/{name}.jp2", 12, f"hash of {name}", (), 3, GRID) for name in names]
    return tile_jobs.planned(tiles, width_px=64, work_directory=str(work))


@pytest.fixture
def jobs(tmp_path: Path) -> list[TileJob]:
    """Two tiles."""
    return planned("ab", tmp_path)


def noting(seen: dict[str, Any], *, failing: str = "") -> Task[..., Any]:
    """A stage that notes the job of each task run by the run's name; that of the tile ``failing`` fails."""

    @tile_task("prepare", retries=3, cached_by="prepare_key", hands_on="preview_uri")
    def prepare(job: TileJob) -> dict[str, Any]:
        seen[str(task_run.get_name())] = job
        if job.name == failing:
            raise CutShort("cut short. Fetch it again")
        keep(job, "prepare", {job.preview_uri: PREVIEW}, ["hazy"], HISTOGRAM)
        return {"seconds": 1.5, "warnings": ["hazy"]}

    return prepare


def in_threads(work: Callable[[Pool], int]) -> int:
    """Do it in a flow run, with a pool of eight places; how many task runs it has started."""

    @flow(persist_result=False)
    def streaming() -> int:
        with threads() as runner:
            return work(Pool(runner, 8))

    return streaming()


def ledger_of(stage: Task[..., Any], jobs: list[TileJob], cached: str = "") -> Ledger:
    """What became of the tiles in a run of the stage; those of the tiles ``cached`` are listed in the cache."""
    ledger = Ledger(jobs)
    in_threads(lambda pool: stream([Stage(stage, pool, lambda job: job.name in cached, jobs)], ledger))
    return ledger


def test_each_tile_has_a_task_run_with_its_job(jobs: list[TileJob]) -> None:
    """The task run is named after stage and tile, and its job arrives."""
    seen: dict[str, Any] = {}
    ledger_of(noting(seen), jobs)
    assert seen == {f"prepare {job.name}": job for job in jobs}


def test_the_ledger_has_what_became_of_each_tile(jobs: list[TileJob]) -> None:
    """Seconds and warnings of a tile that answered; of the other why it did not, in words."""
    bad, good = ledger_of(noting({}, failing="a"), jobs).accounts
    assert (good.state, good.seconds, good.warnings, good.cached) == ("done", {"prepare": 1.5}, ["hazy"], [])
    assert (bad.state, bad.stage, bad.error) == ("failed", "prepare", "cut short. Fetch it again")


def test_the_runs_log_leads_to_the_failed_tiles(jobs: list[TileJob], caplog: pytest.LogCaptureFixture) -> None:
    """One line a stage names them, each with the page of its task run."""
    bad, _ = ledger_of(noting({}, failing="a"), jobs).accounts
    lines = [record.getMessage() for record in caplog.records if "tiles failed" in record.getMessage()]
    page = f"runs/task-run/{bad.task_run}"
    assert [line.partition("http")[0] for line in lines] == ["prepare: 1 of 2 tiles failed: a.jp2 ("]
    assert lines[0].endswith(f"{page})")


def test_a_cached_tile_is_not_computed_and_one_whose_file_is_gone_is(jobs: list[TileJob]) -> None:
    """A second run takes what the first has answered, with its warnings, unless the files are not listed."""
    ledger_of(noting({}), jobs)
    again: dict[str, Any] = {}
    taken, renewed = ledger_of(noting(again), jobs, cached="a").accounts
    assert (taken.cached, taken.warnings, renewed.cached) == (["prepare"], ["hazy"], [])
    assert taken.files == {"prepare": FileHash.of(PREVIEW)}
    assert list(again) == ["prepare b"]


def test_a_record_that_is_not_the_tiles_is_computed_again(jobs: list[TileJob]) -> None:
    """Another tile's record costs a second computation and a warning; a record that is gone meanwhile, no warning."""
    ledger_of(noting({}), jobs)
    a, b = (Path(job.record_uri("prepare")) for job in jobs)
    b.replace(a)
    forged, gone = ledger_of(noting({}), jobs, cached="ab").accounts
    assert forged.warnings == [f"{a}: the record of another tile or stage; it is computed again", "hazy"]
    assert (forged.cached, gone.cached, gone.warnings) == ([], [], ["hazy"])


def test_a_record_of_an_earlier_version_is_not_that_of_a_prepared_tile(jobs: list[TileJob]) -> None:
    """Those have no histogram for the calibration: such a tile is prepared again, and says nothing else."""
    ledger_of(noting({}), jobs)
    path = Path(jobs[0].record_uri("prepare"))
    old = {name: value for name, value in json.loads(path.read_bytes()).items() if name != "histogram"}
    path.write_text(json.dumps(old | {"version": 2}))
    assert [account.cached for account in ledger_of(noting({}), jobs, cached="ab").accounts] == [[], ["prepare"]]


WRONG = WrongMaskFormat("a.jp2: the mask is 8-bit RGB")
DAMAGED = WrongMask("a.jp2: the mask is damaged")
MANY = "abcdefgh"


@pytest.fixture
def many_jobs(tmp_path: Path) -> list[TileJob]:
    """Eight tiles."""
    return planned(MANY, tmp_path)


@dataclass
class Endpoint:
    """An endpoint as the stage sees it: what it answers to each tile, good answers left out.

    Attributes:
        answers: By tile: an error, or what waits and perhaps returns one.
        error: Why it could not be deployed.
        gone: That it was to be there already, and is not.
        ended: How often it was deleted.
        in_flight: Tiles that it serves at once.
        closed: Whether it does not answer yet.
        asked: Tiles in the order in which they were asked for, each attempt.
        started: Task runs of the stage.
    """

    answers: dict[str, Exception | Callable[[], Exception | None]]
    asked: list[str] = field(default_factory=list)
    started: int = 0
    error: str | None = None
    gone: EndpointGone | None = None
    ended: int = 0
    in_flight: int = 4
    closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answering(self) -> Deployment | None:
        """From the beginning, unless it could not be deployed."""
        return None if self.error or self.closed else Deployment("local", "endpoint", in_flight=self.in_flight)

    def end(self) -> None:
        """Count it."""
        self.ended += 1

    def answer(self, name: str) -> None:
        """Count, and raise what is to be raised."""
        with self._lock:
            self.asked.append(name)
        found = self.answers.get(name)
        error = found() if callable(found) else found
        if error is not None:
            raise error

    def run(self, jobs: list[TileJob], at_once: int = 4, *, there: str = "", alone_seconds: float = 60.0) -> Ledger:
        """The stage ``predict``; the label masks of the tiles ``there`` lie in the work directory."""
        ledger, self.in_flight = Ledger(jobs), at_once

        @tile_task("predict", retries=3, cached_by="predict_key")
        def predict(job: TileJob) -> dict[str, Any]:
            self.answer(job.name)
            return {"seconds": 0.1}

        task = predict.with_options(retry_delay_seconds=0.5)
        gate = EndpointGate(self, Trial(alone_seconds))
        self.started = in_threads(
            lambda pool: stream([Stage(task, pool, lambda job: job.name in there, jobs, gate)], ledger)
        )
        return ledger


def errors(ledger: Ledger) -> dict[str, str]:
    return {account.job.name: str(account.error) for account in ledger.failed}


def test_a_first_answer_of_the_wrong_format_ends_the_stage(many_jobs: list[TileJob]) -> None:
    """The first tile alone is asked for, once; the others fail in this stage with its error, without a task run."""
    endpoint = Endpoint(dict.fromkeys(MANY, WRONG))
    ledger = endpoint.run(many_jobs)
    assert (endpoint.asked, endpoint.started) == (["a"], 1)
    assert {account.stage for account in ledger.failed} == {"predict"}
    assert errors(ledger) == {"a": str(WRONG)} | dict.fromkeys(
        MANY[1:], f"not asked for, since the endpoint's first answer has the wrong format: {WRONG}"
    )


def test_once_an_answer_was_accepted_a_wrong_format_costs_its_tile(many_jobs: list[TileJob]) -> None:
    """A model that has answered well is asked on."""
    endpoint = Endpoint({"b": WRONG, "c": WRONG})
    assert set(errors(endpoint.run(many_jobs))) == {"b", "c"}
    assert sorted(endpoint.asked) == sorted(MANY)


def test_damage_of_the_first_answer_costs_its_tile(many_jobs: list[TileJob]) -> None:
    """It says nothing of the model: all others are asked for."""
    endpoint = Endpoint({"a": DAMAGED})
    assert set(errors(endpoint.run(many_jobs, 3))) == {"a"}
    assert sorted(endpoint.asked) == sorted(MANY)


def test_after_another_failure_no_more_are_paid_for_than_are_in_flight(many_jobs: list[TileJob]) -> None:
    """While nothing has been accepted, a wrong format still ends the stage, with those in flight as the only price."""
    endpoint = Endpoint({"a": DAMAGED, **dict.fromkeys(MANY[1:], WRONG)})
    found = errors(endpoint.run(many_jobs, 3))
    assert 2 <= len(endpoint.asked) <= 4
    assert set(found) == set(MANY)


def test_an_answer_that_was_in_flight_speaks_for_the_model(many_jobs: list[TileJob]) -> None:
    """A wrong format beside an accepted answer to a tile that was asked for at the same time costs its tile only."""
    together = threading.Barrier(2)

    def with_c(error: Exception | None) -> Callable[[], Exception | None]:
        return lambda: (together.wait(30), error)[1]

    endpoint = Endpoint({"a": DAMAGED, "b": with_c(WRONG), "c": with_c(None)})
    assert set(errors(endpoint.run(many_jobs, 2))) == {"a", "b"}
    assert sorted(endpoint.asked) == sorted(MANY)


def test_a_first_tile_that_is_tried_again_does_not_hold_the_others_up(many_jobs: list[TileJob]) -> None:
    """A transient failure of the first is no reason to ask for one tile after the other."""
    others = threading.Event()

    def busy() -> Exception | None:
        return None if others.is_set() else EndpointUnavailable("throttled")

    def seen() -> None:
        others.set()

    endpoint = Endpoint({"a": busy, **dict.fromkeys(MANY[1:], seen)})
    assert errors(endpoint.run(many_jobs, alone_seconds=0.1)) == {}
    assert endpoint.asked.index("b") < len(endpoint.asked) - 1 - endpoint.asked[::-1].index("a")


def test_tiles_with_a_mask_need_no_endpoint(many_jobs: list[TileJob]) -> None:
    """What is cached is no answer of this endpoint, nor is it lost with a wrong format."""
    endpoint = Endpoint(dict.fromkeys(MANY, WRONG))
    ledger = endpoint.run(many_jobs, 2, there="abc")
    assert (endpoint.asked, endpoint.started) == (["d"], 4)
    assert [job.name for job in ledger.standing] == ["a", "b", "c"]


def test_a_task_that_crashed_has_its_states_words(jobs: list[TileJob]) -> None:
    """Where no error came back, the account says what the state says."""
    ledger = Ledger(jobs)
    assert not note(ledger, jobs[0], "predict", Crashed(message="its process is gone"))
    assert "its process is gone" in str(ledger.failed[0].error)


def staged(stage: Any, work: Callable[[str], None]) -> Task[..., Any]:
    """A stage that does so much for each tile."""

    @tile_task(stage, retries=0, cached_by=f"{stage}_key")
    def answer(job: TileJob) -> dict[str, Any]:
        work(job.name)
        return {"seconds": 0.1}

    return answer


def never(_: TileJob) -> bool:
    return False


@dataclass
class Way:
    """Which stage saw which tile, in order; and what each stage does besides."""

    work: dict[str, Callable[[str], None]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def stages(self, pool: Pool, jobs: list[TileJob], gate: Gate = OPEN) -> list[Stage]:
        """Prepare, predict behind the gate, extract."""
        names = ("prepare", "predict", "extract")
        prepare, predict, extract = (staged(name, partial(self._see, name)) for name in names)
        return [Stage(prepare, pool, never, jobs), Stage(predict, pool, never, (), gate), Stage(extract, pool, never)]

    def _see(self, stage: str, tile: str) -> None:
        with self.lock:
            self.seen.append(f"{stage} {tile}")
        self.work.get(stage, lambda _: None)(tile)


def test_a_tile_goes_on_while_others_are_prepared(many_jobs: list[TileJob]) -> None:
    """The first is through all stages before the last is prepared; each stage sees each tile once."""
    through, way = threading.Event(), Way()

    def prepare(tile: str) -> None:
        assert tile != MANY[-1] or through.wait(60)

    way.work = {"prepare": prepare, "extract": lambda tile: through.set() if tile == "a" else None}
    ledger = Ledger(many_jobs)
    assert in_threads(lambda pool: stream(way.stages(pool, many_jobs), ledger)) == 3 * len(MANY)
    assert len(ledger.standing) == len(MANY)
    assert sorted(way.seen) == sorted(f"{stage} {tile}" for stage in ("prepare", "predict", "extract") for tile in MANY)
    assert way.seen.index("extract a") < way.seen.index(f"predict {MANY[-1]}")


def test_a_stage_does_not_run_far_ahead(many_jobs: list[TileJob]) -> None:
    """Behind a closed gate no more than so many tiles are prepared; once it opens, all go through."""
    way, ledger, life, seen = Way(), Ledger(many_jobs), Endpoint({}, closed=True), list[str]()

    def on_turn(flow: Stream) -> None:
        if flow.waiting("predict") == 3 and life.closed:
            seen.extend(way.seen)
            life.closed = False

    gate = EndpointGate(life)
    assert in_threads(lambda pool: stream(way.stages(pool, many_jobs, gate), ledger, on_turn=on_turn, ahead=3)) == 24
    assert sorted(seen) == ["prepare a", "prepare b", "prepare c"]
    assert gate.busy_seconds > 0


def test_a_tile_that_fails_costs_itself_alone(many_jobs: list[TileJob], caplog: pytest.LogCaptureFixture) -> None:
    """It comes to no further stage, whose counts go by the tiles that do."""
    caplog.set_level("INFO")
    ledger = Ledger(many_jobs)

    def fail(tile: str) -> None:
        if tile == "c":
            raise CutShort("cut short. Fetch it again")

    started = in_threads(lambda pool: stream(Way({"prepare": fail}).stages(pool, many_jobs), ledger))
    assert (started, errors(ledger)) == (8 + 7 + 7, {"c": "cut short. Fetch it again"})
    lines = [record.getMessage() for record in caplog.records]
    assert {"prepare: 8 of 8 tiles, 1 failed", "predict: 7 of 7 tiles", "extract: 7 of 7 tiles"} <= set(lines)


def test_an_endpoint_that_cannot_be_deployed_costs_the_tiles_that_need_it(many_jobs: list[TileJob]) -> None:
    """They fail with the reason, without a task run, and all are prepared: the next run need not do that again."""
    way, ledger = Way(), Ledger(many_jobs)
    gate = EndpointGate(Endpoint({}, error="the endpoint could not be deployed: no quota"))
    assert in_threads(lambda pool: stream(way.stages(pool, many_jobs, gate), ledger)) == 8
    assert errors(ledger) == dict.fromkeys(MANY, "the endpoint could not be deployed: no quota")
    assert {account.stage for account in ledger.failed} == {"predict"}


def test_an_endpoint_that_is_gone_is_not_asked(many_jobs: list[TileJob]) -> None:
    """A campaign that has ended took it along: no tile of a block waits for it."""
    way, ledger, gone = Way(), Ledger(many_jobs), EndpointGone("endpoint x is not there any more")
    gate = EndpointGate(Endpoint({}, gone=gone))
    in_threads(lambda pool: stream(way.stages(pool, many_jobs, gate), ledger))
    assert errors(ledger) == dict.fromkeys(MANY, f"not asked for: {gone}")
    assert gate.gone is gone


def test_an_endpoint_that_goes_meanwhile_is_not_asked_again(many_jobs: list[TileJob]) -> None:
    """What was in flight has heard so; the others need not."""
    endpoint = Endpoint(dict.fromkeys(MANY[1:], EndpointGone("endpoint x is not there any more")))
    ledger = endpoint.run(many_jobs)
    assert set(errors(ledger)) == set(MANY[1:])
    assert len(endpoint.asked) <= 1 + endpoint.in_flight


def test_an_endpoint_of_the_wrong_format_is_deleted_at_once(many_jobs: list[TileJob]) -> None:
    """Nobody pays for it while the other tiles are prepared."""
    endpoint = Endpoint(dict.fromkeys(MANY, WRONG))
    endpoint.run(many_jobs)
    assert endpoint.ended > 0
