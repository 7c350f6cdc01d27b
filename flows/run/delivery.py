"""Makes a run's product of its tiles' answers, and puts it in its place."""

from typing import Any

from prefect import State

from flows.run.edition import edition_of
from flows.run.run import Run
from tasks.exposure import measure_exposure
from tasks.extent import assemble_layers, cut_extent, smooth_outlines
from tasks.product import clean_up, package, publish, write_product, write_profile
from tasks.rasters import write_rasters
from tasks.report import draw_overview, write_report
from tasks.runtime.dashboard import show_no_product, show_result
from tasks.runtime.policies import as_it_is


def deliver(run: Run) -> State[Any]:
    """Make and publish the product, unless there is none to make; what the run ends as."""
    if not run.makes_product:
        show_no_product(run.dataset_name, run.ended_without_product())
        return run.final_state()
    asked = run.parameters
    with run.staging() as folder:
        edition = edition_of(run)
        layers = assemble_layers(run.tiles.ledger, run.min_contour_size, edition, run.tiles.given)
        layers, proof = smooth_outlines(layers, asked.smoothing) if asked.smoothing != "off" else (layers, None)
        layers = cut_extent(layers, asked.cut_grid_m) if asked.cut_grid_m else layers
        layers, warnings = measure_exposure(layers, asked.exposure) if asked.exposure else (layers, ())
        warnings += write_product(layers, folder, run.started, asked.formats)
        warnings += write_rasters(run.tiles.ledger, layers, folder, edition) if "cog" in asked.formats else ()
        warnings += write_profile(layers, folder, edition) if asked.profile else ()
        draw_overview(folder, run.tiles.ledger, layers, edition, asked.formats)
        run.endpoint.wait_until_gone()
        warnings += (*run.tiles.doubts, *run.endpoint.doubts, *run.will_be_kept(folder))
        record = write_report(folder, run.tiles.ledger, layers, edition, warnings, proof, **run.facts())
        package(folder, run.dataset_name, run.started)
        product = publish(folder, run.destination)
        show_result(run.dataset_name, folder, record, product)
    if not run.keeps_work:
        clean_up(as_it_is(run.tiles.jobs))
        run.clear_batch()
    run.finished(record, product)
    return run.final_state()
