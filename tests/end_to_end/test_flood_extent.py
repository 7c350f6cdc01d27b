"""The whole flow from the command line, on imagery, against a real Prefect server."""

import csv
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyogrio
import pytest
import shapely
from cloud_runs import CloudRuns
from command_line import CommandLine, Scene
from prefect_api import PrefectApi

from tasks.core.masks.valid_mask_png import encode_valid
from tasks.runtime.published_event import PUBLISHED

STAGES = ["prepare", "predict", "extract"]
LAYERS = ["flood_extent", "flood_extent_by_tile", "area_observed", "not_assessed", "tiles", "to_check"]


def stages(record: dict[str, Any], key: str) -> list[list[str]]:
    return [tile[key] for tile in record["tiles"]]


def task_runs(api: str, flow_run_id: str, at_least: int) -> dict[str, str]:
    """Task run names of a flow run with the names of their states, once so many are recorded and all have ended."""
    return {run["name"]: run["state_name"] for run in PrefectApi(api).tasks_at_last(flow_run_id, at_least)}


def test_a_folder_becomes_a_product(command: CommandLine, scene: Scene, prefect_server: str) -> None:
    """One command makes every part of the product, and a task run a tile and stage shows in the dashboard."""
    status, said = command("run", scene.dataset, "--output", "out")
    assert status == 0, said
    steps = ("checking", "listing the frames", "tiles: 6", "prepare: 0 of 6", "extract: 6 of 6", "putting the product")
    assert [said.find(step) for step in steps] == sorted({said.index(step) for step in steps})
    product, record = command.folder / "out" / "demo_flood", command.record()
    names = [f"Demo_Flood_2026_01_75cm_NRG_{number}" for number in range(1, 7)]
    expected = {"flood_extent.gpkg", "flood_extent.shp", "overview.png", "run.json", "report.md", "demo_flood.zip"}
    assert expected <= {path.name for path in product.iterdir()}
    assert {path.stem for path in (product / "tiles").glob("*.shp")} == set(names)
    layers = [name for name, _ in pyogrio.list_layers(product / "flood_extent.gpkg")]
    assert layers == [*LAYERS, "flood_source", "source", "layer_styles"]
    assert record["counts"] == {"tiles": 6, "done": 6, "failed": 0, "dropped": 0, "unplaced": 0}
    assert record["endpoint"]["deleted"]
    runs = task_runs(prefect_server, record["flow_run_id"], at_least=27)
    assert {f"{stage} {name}" for stage in ("prepare", "predict", "extract") for name in names} <= set(runs)
    assert set(runs.values()) == {"Completed"}
    (event,) = PrefectApi(prefect_server).events(PUBLISHED, str(product))
    told = {name: record[name] for name in ("content_hash", "dataset", "flow_run_id", "bounds")}
    totals = {"uri": str(product), "flooded_ha": record["totals"]["flooded_ha"], "release": 1}
    assert event["payload"] == told | totals


def polygons(package: Path) -> list[bytes]:
    geometries = shapely.from_wkb(pyogrio.raw.read(package, layer="flood_extent")[2])
    return sorted(shapely.to_wkb(shapely.normalize(geometries)))


@pytest.mark.slow
def test_sagemaker_and_this_machine_give_the_same_extent(cloud: CloudRuns) -> None:
    """With the same model and calibration the map is the same, polygon for polygon, wherever the model runs."""
    status, said = cloud.run("--output", "cloud", "--instance-hour-price", "0.24", "--calibration", "70")
    assert status == 0, said
    places = ("--output", "here", "--work-directory", "here/work")
    assert cloud.command("run", cloud.scene.dataset, *places, "--calibration", "70")[0] == 0
    on_aws, here = (cloud.command.record(output=place) for place in ("cloud", "here"))
    assert on_aws["content_hash"] == here["content_hash"]
    packages = [cloud.command.folder / place / "demo_flood" / "flood_extent.gpkg" for place in ("cloud", "here")]
    assert polygons(packages[0]) == polygons(packages[1]) != []


@pytest.mark.slow
def test_the_product_scores_against_the_truth(command: CommandLine, scene: Scene) -> None:
    """The extent is the demo's flood, and the score command says so."""
    assert command("run", scene.dataset)[0] == 0
    status, said = command("score", "out/demo_flood", scene.truth)
    assert status == 0, said
    assert float(said.split()[1]) >= 0.95


@pytest.mark.parametrize("year", [2009, *(pytest.param(year, marks=pytest.mark.slow) for year in (2016, 2020))])
def test_real_imagery_is_mapped(command: CommandLine, shared_data: Path, year: int) -> None:
    """One set of constants maps low and high water alike, with IoU of 0.95 and more."""
    assert command("run", shared_data / f"prairie_{year}")[0] == 0
    said = command("score", f"out/prairie_{year}", shared_data / f"prairie_{year}" / "reference.gpkg")[1]
    assert float(said.split()[1]) >= 0.95


def test_a_second_run_computes_nothing(command: CommandLine, scene: Scene, prefect_server: str) -> None:
    """What is cached is not computed again, starts no endpoint, shows as Cached, and gives the same extent."""
    assert command("run", scene.dataset)[0] == 0
    first = command.record()
    assert command("run", scene.dataset)[0] == 0
    second = command.record()
    assert stages(second, "cached") == [STAGES] * 6
    assert second["endpoint"]["name"] is None
    assert second["content_hash"] == first["content_hash"]
    runs = task_runs(prefect_server, second["flow_run_id"], at_least=26)
    assert not any(name.startswith("deploy") for name in runs)
    assert [runs[f"{stage} Demo_Flood_2026_01_75cm_NRG_1"] for stage in STAGES] == ["Cached"] * 3


@pytest.mark.slow
def test_a_change_recomputes_what_depends_on_it(command: CommandLine, scene: Scene) -> None:
    """A changed frame recomputes that frame; another label set only the polygons; a lost mask only that mask."""
    dataset = command.folder / "frames"
    shutil.copytree(scene.dataset, dataset)
    assert command("run", dataset)[0] == 0
    frames = sorted(dataset.iterdir())
    shutil.copyfile(frames[1], frames[0])
    assert command("run", dataset, "--flood-labels", "1")[0] == 0
    cached = stages(command.record("frames"), "cached")
    assert cached == [["prepare", "predict"]] * 6  # frame 1 now has the content of frame 2, which is cached
    masks = sorted((command.folder / "work" / "cache" / "predict").iterdir())
    for mask in masks[:2]:  # one may be that of the former frame 1
        mask.unlink()
    assert command("run", dataset, "--flood-labels", "1")[0] == 0
    again = [tile for tile in command.record("frames")["tiles"] if "predict" not in tile["cached"]]
    assert len(again) <= 3
    assert again


@pytest.mark.slow
def test_hostile_files_cost_themselves_alone(command: CommandLine, shared_data: Path) -> None:
    """Every odd file ends as expected in one run over all, with words instead of tracebacks."""
    status, said = command("run", shared_data / "edge")
    assert status == 2, said
    assert "Traceback" not in said
    with (shared_data / "edge" / "EXPECTED.csv").open(encoding="utf-8") as file:
        expected = {row["file"]: row["verdict"] for row in csv.DictReader(file)}
    record = command.record("edge")
    state_of = {"ok": "done", "error": "failed"}
    ended = {tile["tile"]: tile["state"] for tile in record["tiles"]}
    assert ended.keys() == expected.keys()
    judged = {name: state_of[verdict] for name, verdict in expected.items() if verdict != "any"}
    assert {name: ended[name] for name in judged} == judged
    assert all(tile["error"] for tile in record["tiles"] if tile["state"] == "failed")
    areas = {tile["tile"]: (tile["flood_m2"], tile["observed_m2"]) for tile in record["tiles"]}
    assert areas["all_padding.jp2"] == (0, 0)
    assert areas["all_water.jp2"][0] == pytest.approx(areas["all_water.jp2"][1])


def test_a_failed_tile_is_not_assessed(command: CommandLine, scene: Scene, prefect_server: str) -> None:
    """A cut frame keeps its footprint in not_assessed, its row in tiles and its red task run; the rest is a product."""
    dataset = command.folder / "frames"
    shutil.copytree(scene.dataset, dataset)
    victim = sorted(dataset.iterdir())[2]
    victim.write_bytes(victim.read_bytes()[:-1000])
    status, said = command("run", dataset, "--failure-tolerance", "0.2")
    assert status == 2
    assert "cut short" in said
    package = command.folder / "out" / "frames" / "flood_extent.gpkg"
    meta, _, geometries, columns = pyogrio.raw.read(package, layer="not_assessed")
    lost = dict(zip(meta["fields"], columns, strict=True))
    assert lost["tile"].tolist() == [victim.name]
    assert np.round(shapely.area(shapely.from_wkb(geometries))).tolist() == [90000]
    record = command.record("frames")
    assert record["state"] == "CompletedWithFailures"
    assert task_runs(prefect_server, record["flow_run_id"], at_least=24)[f"prepare {victim.stem}"] == "Failed"
    assert (command.folder / "work" / "scratch").is_dir()  # intermediates stay for people to look into
    assert f"--only-failed {package.parent}" in said
    assert not any(str(command.folder) in str(error) for error in lost["error"])
    (log,) = (command.folder / "logs").iterdir()
    assert log.read_text().count("cut short") == 1


def test_too_many_failures_fail_the_run_but_not_the_product(
    command: CommandLine, scene: Scene, prefect_server: str
) -> None:
    """With no tolerance one failed tile makes the run red; what the others answered is there all the same."""
    listing = command.folder / "images.txt"
    frames = sorted(scene.dataset.iterdir())
    listing.write_text(f"{frames[0]}\n{scene.dataset}/gone.jp2\n")
    status, said = command("run", listing)
    assert status == 2
    assert "gone.jp2: does not exist" in said
    record = command.record("images")
    run = PrefectApi(prefect_server).flow_run(record["flow_run_id"])
    assert (run["state_type"], run["state_name"]) == ("FAILED", "TooManyTileFailures")


def test_without_an_answer_there_is_no_product(command: CommandLine) -> None:
    """A dataset of broken frames ends with status 1 and says why; nothing appears in the output."""
    (command.folder / "frames").mkdir()
    (command.folder / "frames" / "a.jp2").write_text("text")
    status, said = command("run", "frames")
    assert status == 1
    assert "not JPEG2000" in said
    assert not (command.folder / "out" / "frames").exists()


@pytest.mark.slow
def test_just_the_failed_tiles_are_done_again(command: CommandLine, scene: Scene, prefect_server: str) -> None:
    """With the frame mended, one task run a stage completes the product, with the settings that it was made with."""
    dataset = command.folder / "frames"
    shutil.copytree(scene.dataset, dataset)
    victim = sorted(dataset.iterdir())[2]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1000])
    assert command("run", dataset, "--width", "300")[0] == 2
    victim.write_bytes(whole)
    status, said = command("run", dataset, "--only-failed", "out/frames", "--width", "200")
    assert (status, "width 200" in said) == (64, True)
    assert command("run", dataset, "--only-failed", "out/frames")[0] == 0
    record = command.record("frames")
    assert record["counts"]["done"] == 6
    assert record["parameters"]["width"] == 300
    runs = task_runs(prefect_server, record["flow_run_id"], at_least=3)
    assert [name for name in runs if name.startswith("predict ")] == [f"predict {victim.stem}"]


@pytest.mark.slow
def test_a_tile_more_is_calibrated_with_the_others(command: CommandLine, shared_data: Path) -> None:
    """What comes later is mapped with one threshold for all, as if all had been there at once; nothing else is done."""
    frames = sorted((shared_data / "prairie_2020").glob("*.jp2"))
    dataset = command.folder / "frames"
    dataset.mkdir()
    for frame in frames[:3]:
        shutil.copy(frame, dataset)
    assert command("run", dataset)[0] == 0
    shutil.copy(frames[3], dataset)
    assert command("run", dataset)[0] == 0
    later = command.record("frames")
    assert command("run", dataset, "--work-directory", "other")[0] == 0
    assert later["content_hash"] == command.record("frames")["content_hash"]
    (threshold,) = later["calibration"]
    assert {tile["nir_threshold"] for tile in later["tiles"]} == {threshold["nir"]}
    assert command("run", dataset)[0] == 0
    assert stages(command.record("frames"), "cached") == [STAGES] * 4


@pytest.mark.slow
def test_ground_of_one_kind_is_said_to_be_no_calibration(command: CommandLine, shared_data: Path) -> None:
    """A run on land alone maps nothing, and its report says why that need not be so."""
    assert command("run", shared_data / "edge" / "no_water.jp2")[0] == 0
    record = command.record("no_water")
    assert record["totals"]["flooded_ha"] == 0
    assert any("no water was found" in warning for warning in record["warnings"])


def test_a_review_without_a_deployment_is_refused(command: CommandLine, scene: Scene) -> None:
    """From the command line nobody could answer: refused before anything starts, naming what to start instead."""
    status, said = command("run", scene.dataset, "--review")
    assert (status, "flood-extent serve" in said) == (64, True)


@pytest.mark.slow
def test_another_datasets_product_is_not_overwritten(command: CommandLine, scene: Scene) -> None:
    """Two datasets of the same name do not share an output: the second is refused before it starts."""
    for place in ("one", "two"):
        shutil.copytree(scene.dataset, command.folder / place / "frames")
    assert command("run", "one/frames")[0] == 0
    status, said = command("run", "two/frames")
    assert status == 64
    assert "another dataset" in said


def test_a_plan_writes_nothing(command: CommandLine, scene: Scene) -> None:
    """What a run would do is found out from headers alone."""
    status, said = command("plan", scene.dataset)
    assert status == 0, said
    assert "6 to do" in said
    assert {path.name for path in command.folder.iterdir()} <= {"home"}


@pytest.mark.slow
def test_the_cache_can_be_pruned(command: CommandLine, scene: Scene) -> None:
    """Old files of the cache go, other files in the work directory stay, and the next run computes again."""
    assert command("run", scene.dataset)[0] == 0
    note = command.folder / "work" / "note.txt"
    note.write_text("mine")
    assert command("clean", "--older-than", "0")[0] == 0
    assert note.exists()
    assert not [path for path in (command.folder / "work" / "cache").rglob("*") if path.is_file()]
    assert command("run", scene.dataset)[0] == 0
    assert stages(command.record(), "cached") == [[]] * 6


def blacken(folder: Path) -> None:
    """Let no pixel be valid."""
    for path in folder.glob("*.valid.png"):
        path.write_bytes(encode_valid(np.zeros(cv2.imread(str(path)).shape[:2], np.bool_)))


def exchange(folder: Path) -> None:
    """Give each file of a folder the content of another."""
    paths = sorted(folder.iterdir())
    for path, foreign in zip(paths, [path.read_bytes() for path in paths][::-1], strict=True):
        path.write_bytes(foreign)


@pytest.mark.slow
def test_another_tiles_answers_are_not_believed(command: CommandLine, scene: Scene) -> None:
    """Files under the key of another tile are named, in its row and in the log, and made again: the same extent."""
    assert command("run", scene.dataset)[0] == 0
    clean, cache = command.record(), command.folder / "work" / "cache"
    for polygons in (True, False):
        exchange(cache / ("extract" if polygons else "predict"))
        if not polygons:  # the frames are prepared again as well, for the endpoint, whatever their valid masks hold
            blacken(cache / "prepare")
            shutil.rmtree(cache / "extract")
        status, said = command("run", scene.dataset)
        assert status == 0, said
        again = command.record()
        assert again["content_hash"] == clean["content_hash"]
        warned = [warning for tile in again["tiles"] for warning in tile["warnings"]]
        assert len(warned) == len(again["tiles"])
        assert all("not the file that its record names; it is computed again" in warning for warning in warned)
        assert warned[0] in next((command.folder / "logs").glob(f"*{again['flow_run_id'][:8]}.log")).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_damaged_files_in_the_cache_are_made_again(command: CommandLine, scene: Scene, content: bytes) -> None:
    """Whatever a loss of power left in the work directory, the next run mends it and gives the same extent."""
    assert command("run", scene.dataset, "--keep-work")[0] == 0
    before = command.record()["content_hash"]
    shutil.rmtree(command.folder / "work" / "cache" / "extract")
    for kind in ("cache/prepare/*.valid.png", "cache/prepare/*.preview.jpg", "cache/predict/*"):
        next((command.folder / "work").glob(kind)).write_bytes(content)
    for path in (command.folder / "work" / "scratch").glob("*.jpg"):
        path.write_bytes(b"")
    status, said = command("run", scene.dataset)
    assert status == 0, said
    assert command.record()["content_hash"] == before
