"""Stages write, package, publish, clean up: the layers become the product under its final name."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prefect.logging import get_run_logger

from tasks.core.errors import FloodExtentError
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.formats.product_files import FORMATS, write_layers
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.profiles.cems_package import write_cems
from tasks.core.styles.qgis_project import write_project
from tasks.core.styles.style_files import write_style_files
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.policies import run_task
from tasks.runtime.progress import watcher
from tasks.services import storage
from tasks.services.publishing import publishing


@run_task(name="write-product")
def write_product(layers: Sequence[Layer], folder: Path, made: datetime, formats: Sequence[str]) -> tuple[str, ...]:
    """Write the layers in each format, with their looks; the warnings say what had to be left out of which file."""
    warnings = write_layers(layers, folder, made=made, formats=[name for name in formats if name in FORMATS])
    write_style_files(folder, layers)
    write_project(folder / GEOPACKAGE, layers)
    for warning in warnings:
        get_run_logger().warning(warning)
    return warnings


@run_task(name="write-profile")
def write_profile(layers: Sequence[Layer], folder: Path, edition: Edition) -> tuple[str, ...]:
    """Write the layers once more as Copernicus EMS delivers them."""
    warnings = write_cems(layers, edition, folder, edition.made)
    for warning in warnings:
        get_run_logger().warning("%s", warning)
    return warnings


@run_task(name="package")
def package(folder: Path, name: str, made: datetime) -> None:
    """Zip the product of a run into itself, as ``<name>.zip``."""
    publishing.zip_folder(folder, folder / f"{name}.zip", made)


@run_task(name="publish")
def publish(folder: Path, destination: str) -> str:
    """Put the product in its place; its URI. Whoever watches is told what is kept there under another name."""

    def report(line: str) -> None:
        get_run_logger().warning("%s", line)
        watcher().reported(f"kept: {line}")

    uri = publishing.publish(folder, destination, report)
    get_run_logger().info("product: %s", uri)
    return uri


@run_task(name="clean-up")
def clean_up(jobs: Sequence[TileJob]) -> int:
    """Remove the JPEGs that only the endpoint needed; the cache stays. How many there were.

    The product is in its place by then: what cannot be removed costs a warning, and ``clean`` removes it with its age.
    """
    try:
        count = storage.delete_all(storage.present(job.jpegs_uri for job in jobs))
    except FloodExtentError as error:
        get_run_logger().warning("intermediate images stay in the work directory: %s", error)
        return 0
    get_run_logger().info("%d intermediate images removed", count)
    return count
