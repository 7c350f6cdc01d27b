"""A plan for people: what is in it, what comes first, and that nothing in it can pass for markup."""

from dataclasses import replace
from typing import Any

import pytest
from tile_jobs import planned

from tasks.core.geo.grid import Grid
from tasks.core.reports import plan_report
from tasks.core.tiles.plan import STAGES, Finding, Hosting, Plan, Verdict
from tasks.core.tiles.tile import Tile

GRID = Grid(10_000, 8_000, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")
TILE = Tile("a.jp2", "/data/a.jp2", 1_500, "abc", (), 4, GRID)
BAD = replace(TILE, id="b.jp2", grid=None, problem="/data/b.jp2: it is cut short. Fetch it again")
HOSTING = Hosting(("ml.c5.xlarge", "ml.m5.xlarge"), 2, 7.0, 23.0, 240)
ROLE = Finding("role", Verdict.UNKNOWN, "AWS denies the look")
QUOTA = Finding("quota", Verdict.PROBLEM, "ml.c5.xlarge does not fit")


def plan(*tiles: Tile, to_do: tuple[str, ...] = ("a.jp2", "c.jp2"), **changes: Any) -> Plan:
    """A plan for tiles, of which those in ``to_do`` are not remembered."""
    jobs = planned(tiles or (TILE, BAD))
    places = {"product": "/out/town", "work": "/work", "log": "/logs"}
    made = Plan("town", jobs, dict.fromkeys(STAGES, frozenset(to_do)), places, "local")
    return replace(made, **changes)


def fact(made: Plan, name: str) -> str:
    return dict(plan_report.facts(made))[name]


def test_facts_tell_what_there_is_and_what_would_be_done() -> None:
    """Tiles, bytes, CRS, sizes, stages and places."""
    facts = dict(plan_report.facts(plan(TILE, BAD, replace(TILE, id="d.jp2"))))
    assert (facts["tiles"], facts["bytes"], facts["CRS"]) == ("3, of which 1 would fail", "4,500", "EPSG:7855")
    assert (facts["resized to"], facts["predict"]) == ("1000 x 800 px", "1 to do, 1 remembered")
    assert [facts[name] for name in ("product", "work", "log")] == ["/out/town", "/work", "/logs"]


def test_the_calibration_is_named_where_the_model_needs_one() -> None:
    """As far as it is known; a model that needs none is not mentioned."""
    assert "calibration" not in dict(plan_report.facts(plan()))
    assert fact(plan(calibration=("below 64", "below 80")), "calibration") == "below 64; below 80"
    assert fact(plan(calibration=()), "calibration").startswith("found when all tiles are prepared")


def test_many_sizes_are_not_all_listed() -> None:
    """Five sizes are three and the number of the others."""
    tiles = [replace(TILE, id=f"{rows}.jp2", grid=replace(GRID, height_px=rows)) for rows in range(1000, 6000, 1000)]
    assert fact(plan(*tiles), "resized to").endswith("1000 x 300 px, 2 other sizes")


def test_an_endpoint_is_named_with_its_minutes_and_its_cost() -> None:
    """Two instances for half an hour at 0.25 an hour are 0.25; the minutes are split."""
    made = plan(endpoint="sagemaker", hosting=replace(HOSTING, hour_price=0.25))
    assert "deployed for about 30 minutes, on 2 x ml.c5.xlarge, or ml.m5.xlarge" in fact(made, "endpoint")
    assert fact(made, "minutes") == "7.0 deploying, 23.0 predicting; at most 240"
    assert fact(made, "cost") == "about 0.25"


def test_instances_that_aws_may_add_are_named_with_what_they_cost_at_most() -> None:
    """Two for 7 minutes and six for 23 are 152 instance minutes: 0.63 at 0.25 an hour."""
    made = plan(endpoint="sagemaker", hosting=replace(HOSTING, hour_price=0.25, max_instance_count=6))
    assert "on 2 to 6 x ml.c5.xlarge" in fact(made, "endpoint")
    assert fact(made, "cost") == "about 0.25, at most 0.63 with the instances that AWS adds"


def test_without_a_price_there_is_no_cost() -> None:
    """It is said that the price is missing."""
    assert fact(plan(hosting=HOSTING), "cost") == "price not given"
    assert "cost" not in plan_report.essentials(plan(hosting=HOSTING))


def test_no_endpoint_is_needed_where_all_is_remembered() -> None:
    """Neither minutes nor cost are told."""
    made = plan(to_do=(), endpoint="sagemaker")
    assert fact(made, "endpoint") == "sagemaker: not needed"
    assert not {"minutes", "cost"} & {name for name, _ in plan_report.facts(made)}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"local_minutes": 0.4}, "estimate", "take less than a minute, by what"),
        ({"local_minutes": 12.2}, "estimate", "take about 12 minutes, by what"),
        ({"review_hours": 72.0}, "review", "for 72 hours at most"),
        ({"completes": "/out/earlier"}, "completes", "/out/earlier"),
        ({"left_out": {"a.jp2": "dropped in review: cloud"}}, "tiles", "1 dropped in review"),
    ],
)
def test_what_is_special_is_told_where_it_is_so(changes: dict[str, Any], name: str, words: str) -> None:
    """And left out where it is not."""
    assert words in fact(plan(**changes), name)
    assert words not in str(plan_report.facts(plan()))


def test_a_problem_makes_a_run_impossible_and_what_is_unknown_does_not() -> None:
    """The one line is about the problem, or names what is not known."""
    assert plan(findings=(ROLE,)).possible
    assert plan_report.essentials(plan(findings=(ROLE,))).endswith("1 to predict, not known: role")
    assert not plan(findings=(ROLE, QUOTA)).possible
    assert plan_report.essentials(plan(findings=(ROLE, QUOTA))) == "quota: ml.c5.xlarge does not fit"


def test_a_warning_stands_in_no_runs_way() -> None:
    """It is named in the line, and shown in the log and on the page with all its words."""
    scale = Finding("scale", Verdict.WARNING, "1,500 px is too large")
    made = plan(findings=(scale,))
    assert made.possible
    assert plan_report.essentials(made).endswith("1 to predict, warning of: scale")
    assert "scale: warning: 1,500 px is too large" in plan_report.lines(made)
    assert "| scale | warning | 1,500 px is too large |" in plan_report.markdown(made)


def test_the_page_has_verdict_facts_findings_and_headers() -> None:
    """A reader sees first whether a run is possible, then why not."""
    page = plan_report.markdown(plan(findings=(QUOTA,)))
    assert "**A run is not possible**: quota: ml.c5.xlarge does not fit." in page
    assert "| quota | problem | ml.c5.xlarge does not fit |" in page
    assert "| b.jp2 | /data/b.jp2: it is cut short. Fetch it again |" in page


def test_nothing_in_a_page_passes_for_markup() -> None:
    """A file's name cannot end a table's row, nor bring HTML into the dashboard."""
    made = plan(replace(BAD, id="<b>|x.jp2", problem="<script>\n| y |"))
    assert "<" not in plan_report.markdown(made)
    assert "\\|x.jp2" in plan_report.markdown(made)
    assert "<" not in str(plan_report.tile_table(made))


def test_the_log_has_a_line_a_fact_a_finding_and_a_bad_header() -> None:
    """Of very many bad headers, their number."""
    bad = [replace(BAD, id=f"{number}.jp2") for number in range(25)]
    lines = plan_report.lines(plan(*bad, findings=(QUOTA,)))
    assert "quota: problem: ml.c5.xlarge does not fit" in lines
    assert sum(line.startswith("would fail: ") for line in lines) == 21
    assert lines[-1] == "would fail: 5 more"


def test_the_table_has_bad_tiles_first() -> None:
    """Then those that a person left out; each row says what would be done and what is wrong."""
    tiles = (TILE, replace(TILE, id="c.jp2"), replace(TILE, id="d.jp2"), BAD)
    rows = plan_report.tile_table(plan(*tiles, left_out={"c.jp2": "dropped in review: cloud"}))
    assert [(row["tile"], row["would do"], row["problem"]) for row in rows] == [
        ("b.jp2", "fails", BAD.problem),
        ("c.jp2", "left out", "dropped in review: cloud"),
        ("a.jp2", "prepare, predict, extract", ""),
        ("d.jp2", "nothing: all is remembered", ""),
    ]


def test_a_long_table_is_cut_and_says_so() -> None:
    """The dashboard would not show ten thousand rows; what is wrong is among those that it shows."""
    made = plan(*(replace(TILE, id=f"{number}.jp2") for number in range(2_003)), BAD)
    assert [row["tile"] for row in plan_report.tile_table(made)][:2] == ["b.jp2", "0.jp2"]
    assert "4 of 2,004 tiles are not shown" in plan_report.table_text(made)
    assert "not shown" not in plan_report.table_text(plan(BAD))
