"""The dashboard as a person sees it: form, run page, artifacts and review, in Debian's Chromium.

Screenshots are kept in ``dist/screenshots``.
"""

from contextlib import suppress
from pathlib import Path

import pytest
from browser import CHROMIUM
from command_line import ROOT
from dashboard import Dashboard
from many_tiles import break_seven, make_tiles

from tasks.core.demo.scene import DATASET, make_scene

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")]

SCREENSHOTS = ROOT / "dist" / "screenshots"
FIVE_FIRST = ["dataset", "output_directory", "endpoint", "training_job", "min_contour_size"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of which one frame is cut short."""
    folder = tmp_path_factory.mktemp("frames")
    make_scene(folder, tile_px=800)
    frames = sorted((folder / DATASET).iterdir())
    frames[4].write_bytes(frames[4].read_bytes()[:-2000])
    return folder / DATASET


def shoot(page: "playwright.Page", name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(1500)  # pictures and graphs come in after the text
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def submit(page: "playwright.Page") -> None:
    """Press Submit until the server has taken it: while SQLite is busy it answers 503, and a person presses again."""
    for _ in range(3):
        with suppress(playwright.TimeoutError):
            with page.expect_response(lambda answer: "create_flow_run" in answer.url, timeout=90_000) as answer:
                page.get_by_role("button", name="Submit").click()
            if answer.value.ok:
                return
    raise AssertionError("the server takes no run")


def test_a_person_maps_a_town(dashboard: Dashboard, page: "playwright.Page", town: Path) -> None:
    """The form refuses a wrong value by itself, starts the run, and the page shows what became of it."""
    page.goto(f"{dashboard.address}/v2/deployments/deployment/{dashboard.deployment()['id']}/run")
    page.get_by_text("kms_key").first.wait_for()
    body = page.locator("body").inner_text()
    places = [body.index(f"\n{name}") for name in FIVE_FIRST]
    assert places == sorted(places)
    assert "Where the product goes" in body

    page.get_by_label("dataset").fill(str(town))
    page.get_by_label("width").fill("3")
    page.get_by_role("button", name="Submit").click()
    said = page.get_by_label("width").evaluate("field => field.validationMessage")
    assert "greater than or equal to 16" in said
    shoot(page, "form_refuses")
    page.get_by_label("width").fill("700")
    submit(page)
    (run,) = dashboard.wait_for(lambda: dashboard.runs_of("flood-extent"))
    assert dashboard.state_of(run["id"]) == "TooManyTileFailures"
    dashboard.tasks_at_last(run["id"], 6 + 5 + 5)

    page.goto(f"{dashboard.address}/v2/runs/flow-run/{run['id']}")
    page.get_by_text("demo flood 2026-01 · 6 tiles").first.wait_for()
    page.get_by_text("TooManyTileFailures").first.wait_for()
    shoot(page, "run")
    artifacts = dashboard.artifacts(run["id"])
    page.goto(f"{dashboard.address}/v2/artifacts/artifact/{artifacts['demo-flood-overview']['id']}")
    picture = page.locator("img[src^='data:image']")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 500
    shoot(page, "map")
    page.goto(f"{dashboard.address}/v2/artifacts/artifact/{artifacts['demo-flood-tiles']['id']}")
    page.get_by_placeholder("Search").fill("cut short")
    page.get_by_text("Copy it again").first.wait_for()
    shoot(page, "tiles")
    red = next(task for task in dashboard.task_runs(run["id"]) if task["state_type"] == "FAILED")
    about = {"logs": {"task_run_id": {"any_": [red["id"]]}}}
    dashboard.wait_for(lambda: dashboard.post("logs/filter", about))
    page.goto(f"{dashboard.address}/v2/runs/task-run/{red['id']}")
    page.get_by_text("Technical cause: ").first.wait_for()
    shoot(page, "red_tile")


def test_the_graph_of_200_tiles_can_be_read(
    dashboard: Dashboard, page: "playwright.Page", tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every task run is in it and has ended; stages follow each other, with room to zoom into."""
    town = make_tiles(tmp_path_factory.mktemp("many") / "town", 200)
    break_seven(town)
    run = dashboard.create_run({"dataset": str(town)})
    dashboard.state_of(run)
    tasks = dashboard.tasks_at_last(run, 200 + 193 + 193)
    assert not [task for task in tasks if task["state_type"] in ("PENDING", "RUNNING", "SCHEDULED")]
    page.goto(f"{dashboard.address}/v2/runs/flow-run/{run}")
    page.get_by_text("town · 200 tiles").first.wait_for()
    page.get_by_text(f"{len(tasks)} Task runs").wait_for()
    page.wait_for_timeout(5000)  # it is laid out in the browser
    shoot(page, "graph")


def test_a_person_reviews_a_run(dashboard: Dashboard, page: "playwright.Page", town: Path) -> None:
    """The form of a suspended run offers its tiles and choices; answered, the run goes on as decided."""
    run = dashboard.create_run({"dataset": str(town), "width": 600, "review": True, "failure_tolerance": 0.5})
    assert dashboard.state_of(run, "Suspended") == "Suspended"
    page.goto(f"{dashboard.address}/v2/runs/flow-run/{run}")
    page.get_by_text("Suspended").first.wait_for()
    page.locator("button[aria-haspopup=menu]").last.click()
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    form.get_by_text("5 of 6 tiles have an answer, 1 failed").wait_for()
    form.get_by_role("button", name="Select").first.click()
    page.get_by_role("option", name="accept").click()
    form.get_by_label("Reason").fill("the river is right")
    form.get_by_label("Min Contour Size").fill("60")
    shoot(page, "review")
    form.get_by_role("button", name="Resume").click()
    assert dashboard.state_of(run, "CompletedWithFailures") == "CompletedWithFailures"
    page.goto(f"{dashboard.address}/v2/runs/flow-run/{run}")
    page.get_by_text("CompletedWithFailures").first.wait_for()
    shoot(page, "reviewed")
