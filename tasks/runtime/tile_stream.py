"""Takes tiles through the stages, each as soon as the stage before has answered for it: none waits for all the others.

Nothing is chained: a task whose upstream failed would stay pending for ever. One thread, the flow's own, submits a task
a tile and stage, hears of its end and notes it, and sends the tile on. What is under way in a stage is bounded, and so
is what waits before it: a stage that runs ahead is held back.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from prefect import Task

from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.runtime.gates import OPEN, Gate
from tasks.runtime.outcomes import Outcomes
from tasks.runtime.policies import as_it_is
from tasks.runtime.runners import TileFuture, TileRunner

# Tiles that may wait before a stage: their files lie in the work directory, and its disk is not endless.
AHEAD = 500
# Between two looks at what does not report its end: a gate that opens, an endpoint that is due.
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Pool:
    """Places for tasks; stages that use the same processors share one.

    Attributes:
        runner: Starts them.
        limit: Tasks that may be under way; None: as many as keep the runner busy.
        taken: Tasks that are.
    """

    runner: TileRunner
    limit: int | None = None
    taken: int = 0

    @property
    def is_full(self) -> bool:
        """Whether no place is left."""
        return self.taken >= (self.runner.places if self.limit is None else self.limit)


@dataclass(slots=True)
class Stage:
    """A stage, and the tiles that begin in it.

    Attributes:
        task: The tile task.
        pool: Where its tasks run.
        is_cached: Whether a tile's answer is in the work directory: such a tile passes any gate.
        jobs: Tiles whose way begins here.
        gate: Lets the other tiles in.
        parameters: Further arguments of the task, asked for anew for each tile.
        when_over: Called once no tile is in the stage any more, nor will be.
    """

    task: Task[..., Any]
    pool: Pool
    is_cached: Callable[[TileJob], bool]
    jobs: Sequence[TileJob] = ()
    gate: Gate = OPEN
    parameters: Callable[[], dict[str, Any]] = dict
    when_over: Callable[[], object] = lambda: None


def stream(
    stages: Sequence[Stage],
    ledger: Ledger,
    *,
    on_turn: Callable[["Stream"], object] = lambda _: None,
    ahead: int = AHEAD,
) -> int:
    """Take all tiles through the stages and return when each has ended: a failure is noted, not raised.

    Args:
        stages: In order.
        ledger: Where the outcomes go.
        on_turn: Called again and again, by the thread that calls this.
        ahead: Tiles that may wait before a stage.

    Returns:
        How many task runs were started: fewer than tiles and stages where some failed or were refused.
    """
    flow = Stream(stages, ledger, ahead)
    flow.run(on_turn)
    return flow.started


@dataclass
class _Line:
    """A stage at work: the tiles that wait for it, those that pass its gate apart, and those that are in it."""

    stage: Stage
    outcomes: Outcomes
    following: "_Line | None" = None
    fresh: deque[TileJob] = field(default_factory=deque)
    cached: deque[TileJob] = field(default_factory=deque)
    coming: int = 0
    under_way: int = 0
    asked: int = 0
    is_over: bool = False

    @property
    def waiting(self) -> int:
        return len(self.fresh) + len(self.cached)

    @property
    def is_ahead(self) -> int:
        """Tiles that have been, or are, in this stage, and that the next has not begun."""
        return self.under_way + (self.following.waiting if self.following else 0)

    def enter(self, job: TileJob) -> None:
        (self.cached if self.stage.is_cached(job) else self.fresh).append(job)

    def next(self) -> TileJob | None:
        """The tile to do now, taken from those that wait; None where there is none, or no place for it."""
        if self.stage.pool.is_full:
            return None
        if self.cached:
            return self.cached.popleft()
        return self.fresh.popleft() if self.fresh and self.stage.gate.room(self.asked) > 0 else None


class Stream:
    """The tiles of a run on their way; for its use within ``stream``.

    Attributes:
        started: Task runs that were started.
    """

    def __init__(self, stages: Sequence[Stage], ledger: Ledger, ahead: int) -> None:
        totals = [sum(len(stage.jobs) for stage in stages[: number + 1]) for number in range(len(stages))]
        self._lines = [
            _Line(stage, Outcomes(stage.task.name, ledger, total), coming=total)
            for stage, total in zip(stages, totals, strict=True)
        ]
        for line, following in zip(self._lines, self._lines[1:], strict=False):
            line.following = following
        for line in self._lines:
            for job in line.stage.jobs:
                line.enter(job)
        self._ahead = ahead
        self._under_way: dict[TileFuture, tuple[_Line, TileJob, bool]] = {}
        self._ended: SimpleQueue[TileFuture] = SimpleQueue()

    @property
    def started(self) -> int:
        """Task runs that have ended."""
        return sum(line.outcomes.started for line in self._lines)

    def left(self, stage: str) -> int:
        """Tiles that have not ended in a stage, nor before it."""
        return next(line.coming for line in self._lines if line.stage.task.name == stage)

    def ended(self, stage: str) -> int:
        """Task runs of a stage that have ended."""
        return next(line.outcomes.started for line in self._lines if line.stage.task.name == stage)

    def waiting(self, stage: str) -> int:
        """Tiles that wait for a stage's gate."""
        return next(len(line.fresh) for line in self._lines if line.stage.task.name == stage)

    def run(self, on_turn: Callable[["Stream"], object]) -> None:
        """Until no tile is on its way."""
        try:
            while not all(line.is_over for line in self._lines):
                on_turn(self)
                self._turn()
        except BaseException as error:
            for line in self._lines:
                line.outcomes.close(error)
            raise

    def _turn(self) -> None:
        """Refuse and submit what is due, then wait for the next to end."""
        for line in self._lines:
            if line.fresh and (reason := line.stage.gate.refusal(line.asked)) is not None:
                self._refuse(line, reason)
        for line in reversed(self._lines):
            self._submit(line)
        for line in self._lines:
            line.stage.pool.runner.flush()
        with suppress(Empty):
            if any(line.coming for line in self._lines):
                self._note(self._ended.get(timeout=LOOK_SECONDS))
        for line in self._lines:
            self._end(line)

    def _submit(self, line: _Line) -> None:
        while line.following is None or line.is_ahead < self._ahead:
            job = line.next()
            if job is None:
                return
            self._start(line, job)

    def _start(self, line: _Line, job: TileJob) -> None:
        line.outcomes.open()
        is_cached = line.stage.is_cached(job)
        asked = {"job": as_it_is(job.to_dict() | {"cached": is_cached}), **line.stage.parameters()}
        line.under_way += 1
        line.stage.pool.taken += 1
        if not is_cached:
            line.asked += 1
            line.stage.gate.asked()
        future = line.stage.pool.runner.submit(line.stage.task, asked)
        self._under_way[future] = (line, job, is_cached)
        future.add_done_callback(self._ended.put)

    def _note(self, future: TileFuture) -> None:
        """Enter what became of a task, and send its tile on where it was good."""
        line, job, is_cached = self._under_way.pop(future)
        error = line.outcomes.note(future, job)
        line.under_way -= 1
        line.stage.pool.taken -= 1
        line.coming -= 1
        if not is_cached:
            line.asked -= 1
            line.stage.gate.heard(error)
        if error is not None:
            self._lose(line, 1)
        elif line.following is not None:
            line.following.enter(job)

    def _refuse(self, line: _Line, reason: str) -> None:
        jobs = list(line.fresh)
        line.fresh.clear()
        line.outcomes.open()
        line.outcomes.refuse(jobs, reason)
        line.coming -= len(jobs)
        self._lose(line, len(jobs))

    def _lose(self, line: _Line, count: int) -> None:
        """Tiles that ended badly in a line never come to those behind it."""
        behind = line.following
        while behind is not None:
            behind.coming -= count
            behind.outcomes.total -= count
            behind = behind.following

    def _end(self, line: _Line) -> None:
        if line.coming or line.is_over:
            return
        line.is_over = True
        line.outcomes.close()
        line.stage.when_over()
