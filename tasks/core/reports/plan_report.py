"""A plan for people: facts and findings as rows, a page, lines for a log, a row a tile."""

from collections.abc import Sequence
from typing import Any

from tasks.core.reports.report_markdown import plain, table
from tasks.core.reports.run_page import TABLE_ROWS, cell
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.plan import PREDICT, STAGES, Hosting, Plan, Verdict

SIZES_SHOWN, PROBLEMS_SHOWN = 3, 20
REVIEW = "after extraction the run waits for a person, for {:g} hours at most; this needs a deployment"
UNCALIBRATED = "found when all tiles are prepared; what is predicted with another is predicted again"
UNUSABLE, LEFT_OUT, CACHED = "fails", "left out", "nothing: all is remembered"


def facts(plan: Plan) -> list[tuple[str, str]]:
    """What there is and what would be done, as names and words."""
    return [
        ("dataset", plan.dataset),
        ("tiles", _tiles(plan)),
        ("bytes", f"{sum(job.tile.size_bytes for job in plan.jobs):,}"),
        ("CRS", ", ".join(sorted({job.resized.crs for job in plan.usable})) or "none"),
        ("resized to", _sizes(plan.usable)),
        *((stage, _stage(plan, stage)) for stage in STAGES),
        *_requests(plan.waiting(PREDICT)),
        *(() if plan.calibration is None else [("calibration", "; ".join(plan.calibration) or UNCALIBRATED)]),
        ("endpoint", _endpoint(plan)),
        *(() if plan.hosting is None else _hosting(plan.hosting)),
        *(() if plan.local_minutes is None else [("estimate", _local(plan.local_minutes))]),
        *(() if plan.completes is None else [("completes", plan.completes)]),
        *(() if plan.taken_over is None else [("settings", plan.taken_over)]),
        *(() if plan.review_hours is None else [("review", REVIEW.format(plan.review_hours))]),
        *plan.places.items(),
    ]


def _tiles(plan: Plan) -> str:
    dropped = f", {len(plan.left_out):,} dropped in review" if plan.left_out else ""
    return f"{len(plan.jobs):,}, of which {len(plan.unusable):,} would fail{dropped}"


def _sizes(jobs: Sequence[TileJob]) -> str:
    sizes = sorted({(job.resized.width_px, job.resized.height_px) for job in jobs})
    shown = [f"{width} x {height} px" for width, height in sizes[:SIZES_SHOWN]]
    more = [f"{len(sizes) - SIZES_SHOWN:,} other sizes"] if len(sizes) > SIZES_SHOWN else []
    return ", ".join([*shown, *more]) or "nothing"


def _stage(plan: Plan, stage: str) -> str:
    waiting = len(plan.waiting(stage))
    return f"{waiting:,} to do, {len(plan.usable) - waiting:,} remembered"


def _requests(jobs: Sequence[TileJob]) -> list[tuple[str, str]]:
    """Of tiles that are asked for in chips; else there are as many as tiles."""
    chips = {job.chips for job in jobs if job.chips is not None}
    count = sum(len(job.layout) for job in jobs)
    return [("requests", f"{count:,}, of at most {size} px, {overlap} px of them shared") for size, overlap in chips]


def _endpoint(plan: Plan) -> str:
    if not plan.waiting(PREDICT):
        return f"{plan.endpoint}: not needed"
    if plan.address:
        return f"{plan.endpoint}: {plan.address}, which is there already: frames would be sent to it"
    if plan.hosting is None:
        return f"{plan.endpoint}: started on this machine for the run" if plan.endpoint == "local" else plan.endpoint
    first, *others = plan.hosting.instance_types
    short = f", or {' or '.join(others)} where AWS is short of it" if others else ""
    minutes = f"for about {plan.hosting.minutes:,.0f} minutes"
    most = plan.hosting.max_instance_count
    count = f"{plan.hosting.instance_count}" + ("" if most is None else f" to {most}")
    return f"{plan.endpoint}: deployed {minutes}, on {count} x {first}{short}"


def _hosting(hosting: Hosting) -> list[tuple[str, str]]:
    times = f"{hosting.deploying_minutes:,.1f} deploying, {hosting.predicting_minutes:,.1f} predicting"
    cost = "price not given" if hosting.cost is None else f"about {hosting.cost:,.2f}"
    cost += "" if hosting.most_cost is None else f", at most {hosting.most_cost:,.2f} with the instances that AWS adds"
    return [("minutes", f"{times}; at most {hosting.cap_minutes:g}"), ("cost", cost)]


def _local(minutes: float) -> str:
    time = "less than a minute" if minutes < 1 else f"about {minutes:,.0f} minutes"
    return f"the tiles take {time}, by what they took in the run before"


def essentials(plan: Plan) -> str:
    """All that matters in a line: what stands against the run, or what it would do."""
    if not plan.possible:
        return "; ".join(f"{finding.name}: {finding.text}" for finding in plan.problems)
    tiles = "1 tile" if len(plan.jobs) == 1 else f"{len(plan.jobs):,} tiles"
    parts = [tiles, f"{len(plan.unusable):,} unusable", f"{len(plan.waiting(PREDICT)):,} to predict"]
    if plan.hosting is not None:
        price = "" if plan.hosting.cost is None else f", cost about {plan.hosting.cost:,.2f}"
        parts.append(f"an endpoint for about {plan.hosting.minutes:,.0f} minutes{price}")
    unknown = [finding.name for finding in plan.findings if finding.verdict is Verdict.UNKNOWN]
    parts += [f"not known: {', '.join(unknown)}"] if unknown else []
    warned = [finding.name for finding in plan.findings if finding.verdict is Verdict.WARNING]
    parts += [f"warning of: {', '.join(warned)}"] if warned else []
    return ", ".join(parts)


def lines(plan: Plan) -> list[str]:
    """The plan as a log shows it."""
    shown = [f"{name}: {words}" for name, words in facts(plan)]
    shown += [f"{finding.name}: {finding.verdict}: {finding.text}" for finding in plan.findings]
    shown += [f"would fail: {tile.id}: {tile.problem}" for tile in plan.unusable[:PROBLEMS_SHOWN]]
    more = len(plan.unusable) - PROBLEMS_SHOWN
    return [*shown, *([f"would fail: {more:,} more"] if more > 0 else [])]


def markdown(plan: Plan) -> str:
    """The plan as a page: whether it is possible, the facts, the findings, and what is wrong with headers."""
    found = [(finding.name, finding.verdict, finding.text) for finding in plan.findings]
    verdict = "A run is possible" if plan.possible else "**A run is not possible**"
    sections = [
        [f"# Plan for {plain(plan.dataset)}", "", f"{verdict}: {plain(essentials(plan))}. Nothing was created."],
        table(("", ""), facts(plan)),
        *([["## What the run depends on", "", *table(("what", "verdict", "found"), found)]] if found else []),
        *([_headers(plan)] if plan.unusable else []),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _headers(plan: Plan) -> list[str]:
    rows = [(tile.id, tile.problem) for tile in plan.unusable[:PROBLEMS_SHOWN]]
    more = len(plan.unusable) - len(rows)
    rest = ["", f"*{more:,} more: the table of tiles has them.*"] if more else []
    return ["## Tiles that would fail", "", *table(("tile", "why"), rows), *rest]


def tile_table(plan: Plan) -> list[dict[str, Any]]:
    """A row a tile, up to ``TABLE_ROWS``, those with a problem first; keys are the heads of the columns."""
    ranks = {UNUSABLE: 0, LEFT_OUT: 1}
    ordered = sorted(plan.jobs, key=lambda job: ranks.get(_done(plan, job), len(ranks)))
    return [_cells(plan, job) for job in ordered[:TABLE_ROWS]]


def table_text(plan: Plan) -> str:
    """What the table of tiles is about, and how many are not in it."""
    text = f"What would be done for each tile of {plain(plan.dataset)}, those that would fail first."
    hidden = len(plan.jobs) - TABLE_ROWS
    return f"{text} {hidden:,} of {len(plan.jobs):,} tiles are not shown." if hidden > 0 else text


def _cells(plan: Plan, job: TileJob) -> dict[str, Any]:
    tile = job.tile
    return {
        "tile": cell(tile.id),
        "would do": _done(plan, job),
        "problem": cell(tile.problem or plan.left_out.get(tile.id, "")),
        "size px": "" if tile.grid is None else f"{tile.grid.width_px} x {tile.grid.height_px}",
        "resized px": "" if job.grid is None else f"{job.grid.width_px} x {job.grid.height_px}",
        "CRS": "" if tile.grid is None else cell(tile.grid.crs),
        "bytes": tile.size_bytes,
    }


def _done(plan: Plan, job: TileJob) -> str:
    if job.tile.problem is not None:
        return UNUSABLE
    if job.tile.id in plan.left_out:
        return LEFT_OUT
    return ", ".join(stage for stage in STAGES if job.tile.id in plan.unanswered[stage]) or CACHED
