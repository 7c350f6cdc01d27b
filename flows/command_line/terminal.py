"""What a person sees of a run in the terminal: a progress bar a stage or plain lines, and the closing tables."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.command_line.options import option
from flows.parameters import ENDPOINT_SETTINGS
from tasks.core.text import on_one_line
from tasks.runtime.progress import is_step, watched_by
from tasks.services.endpoints.endpoint_kinds import LOCAL

if TYPE_CHECKING:  # what is behind them takes long to import
    from tasks.core.scoring.scored_product import Assessment
    from tasks.core.scoring.scoring import Score
    from tasks.core.tiles.plan import Plan

FAILURES_SHOWN = 20
M2_PER_HECTARE = 10_000
VERDICT_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red", "unknown": "yellow"}


@dataclass
class TerminalWatcher:
    """Watches a run of this process and shows how far each stage is.

    Attributes:
        console: Where to.
        record: The run's record, once the product is published.
        product: The product's URI.
        log: URI of the run's log file.
        flow_run_id: Of the run, once it has begun.
        task_runs: How many task runs were started.
    """

    console: Console
    record: Mapping[str, Any] | None = None
    product: str = ""
    log: str = ""
    flow_run_id: UUID | None = None
    task_runs: int = 0
    _bars: Progress | None = None
    _known: dict[str, TaskID] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs in the block."""
        columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        failed = TextColumn("{task.fields[failed]}", style="red")
        self._bars = Progress(*columns, failed, console=self.console) if self.console.is_terminal else None
        with watched_by(self), self._bars or nullcontext():
            yield

    def reported(self, line: str) -> None:
        """Show it as it is."""
        self.console.out(line, highlight=False)

    def stage(self, stage: str, ended: int, failed: int, total: int) -> None:
        """Show how far a stage is."""
        message = f"{failed} failed" if failed else ""
        if self._bars is not None:
            if stage not in self._known:
                self._known[stage] = self._bars.add_task(stage, total=total, failed="")
            self._bars.update(self._known[stage], completed=ended, failed=message)
        elif ended == 0:
            self.console.print(f"{stage}: 0 of {total} tiles")
        elif is_step(ended, total):
            self.console.print(f"{stage}: {ended} of {total} tiles" + (f", {message}" if message else ""))

    def started(self, flow_run_id: UUID, log: str) -> None:
        """The run has begun; its log is there."""
        self.flow_run_id, self.log = flow_run_id, log

    def finished(self, task_runs: int, record: Mapping[str, Any] | None, product: str) -> None:
        """The run has ended; without a record there is no product."""
        self.task_runs, self.record, self.product = task_runs, record, product


def show_product(console: Console, record: Mapping[str, Any], product: str) -> None:
    """The closing table: state, tiles, hectares, seconds a stage, what to open; then what failed, and how to go on."""
    from tasks.core.formats.product_files import FORMATS  # noqa: PLC0415 - GDAL behind it; after a run it is loaded
    from tasks.core.product.mapped_pixel import pixel_text  # noqa: PLC0415 - as above
    from tasks.core.reports.run_json import seconds_by_stage  # noqa: PLC0415 - as above

    counts, totals, sums = record["counts"], record["totals"], seconds_by_stage(record["tiles"])
    table = Table(show_header=False)
    table.add_row("state", escape(record["state"]))
    dropped = f", {counts['dropped']} dropped" if counts["dropped"] else ""
    table.add_row("tiles", f"{counts['done']} done, {counts['failed']} failed{dropped}")
    observed = f"{totals['observed_ha']:,.2f} ha observed"
    included = ", permanent water included," if totals["normal_water_ha"] is None else ""
    table.add_row("flooded", f"{totals['flooded_ha']:,.2f} ha{included} of {observed}")
    if totals["normal_water_ha"] is not None:
        water, trace = totals["normal_water_ha"], totals["flood_trace_ha"]
        table.add_row("normal water", f"{water:,.2f} ha; besides, {trace:,.2f} ha are dry")
    if record["mapped_pixel_m"] is not None:
        table.add_row("mapped pixel", pixel_text(record["mapped_pixel_m"]))
    unplaced = f", and tiles whose place is unknown: {counts['unplaced']}" if counts["unplaced"] else ""
    table.add_row("not assessed", f"{totals['not_assessed_ha']:,.2f} ha{unplaced}")
    table.add_row("seconds", ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in sums.items()))
    if message := _endpoint_text(record["endpoint"] or {}):
        table.add_row("endpoint", escape(message))
    table.add_row("product", escape(product))
    to_open = ", ".join(one.to_open for one in FORMATS.values() if one.to_open)
    table.add_row("to open", f"{to_open} in a GIS, overview.png, report.html")
    console.print(table)
    show_failures(console, [(tile["tile"], tile["error"]) for tile in record["tiles"] if tile["error"]])
    if counts["failed"]:
        console.out(f"when they are mended: {_again(record, product)}", highlight=False)


def _again(record: Mapping[str, Any], product: str) -> str:
    """The command that completes a product; what sends frames elsewhere must be asked for once more."""
    command = ["flood-extent", "run", record["dataset"], "--only-failed", product]
    settings = {name: record["parameters"].get(name) for name in ENDPOINT_SETTINGS}
    for name, value in settings.items() if settings["endpoint"] != LOCAL else ():
        command += [] if value is None else [option(name), value]
    return shlex.join(command)


def _endpoint_text(endpoint: Mapping[str, Any]) -> str:
    """What a SageMaker endpoint was, took and cost, and that it is gone; empty where there was none."""
    if "instance_type" not in endpoint and "left" not in endpoint:
        return ""
    parts = []
    if "instance_type" in endpoint:
        count, most = endpoint["instance_count"], endpoint.get("most_instances", 0)
        hosting = f"{count}{f' to {most}' if most > count else ''} x {endpoint['instance_type']}"
        parts += [hosting, f"{endpoint['minutes_billed']:.1f} minutes"]
    if "cost" in endpoint:
        parts.append(f"cost {endpoint['cost']:.2f}")
    parts.append("gone" if "gone" in endpoint else "NOT GONE: " + "; ".join(endpoint.get("left", ())))
    return ", ".join(parts)


def show_failures(
    console: Console, failures: list[tuple[str, str]], where: str = "; run.json and report.md have all"
) -> None:
    """A line a failed tile, up to a screenful."""
    for tile, error in failures[:FAILURES_SHOWN]:
        console.print(f"[red]failed[/red] {escape(on_one_line(tile))}: {escape(on_one_line(error))}", soft_wrap=True)
    if len(failures) > FAILURES_SHOWN:
        console.print(f"... and {len(failures) - FAILURES_SHOWN} more{where}")


def show_plan(console: Console, plan: "Plan") -> None:
    """What a run would do: tiles, sizes, what is cached, minutes and cost; then what is wrong."""
    from tasks.core.reports import plan_report  # noqa: PLC0415 - OpenCV and GEOS behind it, which a wrong argument need not load

    table = Table(show_header=False)
    for name, message in plan_report.facts(plan):
        table.add_row(name, escape(message))
    console.print(table)
    for finding in plan.findings:
        colour = VERDICT_COLOURS[finding.verdict]
        message = f"[{colour}]{finding.verdict}[/{colour}] {finding.name}: {escape(finding.text)}"
        console.print(message, soft_wrap=True, highlight=False)
    show_failures(console, [(tile.id, str(tile.problem)) for tile in plan.unusable], where="")
    if not plan.possible:
        console.print("[red]a run is not possible[/red]")


def show_measures(console: Console, assessment: "Assessment") -> None:
    """False alarm ratio, bias and displacement, and the tile that agrees least."""
    score, outlines = assessment.score, assessment.displacement
    console.print(f"false alarm ratio {score.false_alarm_ratio:.4f}  bias {score.bias:.4f}")
    if outlines is not None:
        console.print(f"outlines apart: median {outlines.median:,.2f} m, 95 % within {outlines.p95:,.2f} m")
    if len(assessment.tiles) > 1:
        tile, worst = min(assessment.tiles.items(), key=lambda one: one[1].iou)
        console.out(f"least agreement: IoU {worst.iou:.4f} in {tile}")


def show_score(console: Console, score: "Score") -> None:
    """IoU, F1, precision, recall; and how much of the reference lies where nothing was observed."""
    measures = {"IoU": score.iou, "F1": score.f1, "precision": score.precision, "recall": score.recall}
    console.print("  ".join(f"{name} {value:.4f}" for name, value in measures.items()))
    if score.reference_outside_m2:
        share, hectares = score.reference_outside_share, score.reference_outside_m2 / M2_PER_HECTARE
        console.print(f"{share:.1%} of the reference ({hectares:,.2f} ha) lies outside the observed area: not scored")
