"""Exposure read back from a product's layers: what the next release measures again."""

from collections.abc import Sequence

from tasks.core.exposure.exposed import Exposed
from tasks.core.exposure.exposure_layers import EXPOSURE
from tasks.core.exposure.exposure_summary import SUMMARY
from tasks.core.product.layer import Layer

# What was measured, of whatever kind.
MEASURED = frozenset(
    {"status", "area_m2", "length_m", "flood_dist", "flood_pct", "unseen_pct"}
    | {f"{part}_{unit}" for part in ("flood", "dry", "notass", "out") for unit in ("m", "m2")}
)


def exposed_in(layers: Sequence[Layer], class_columns: Sequence[str]) -> list[Exposed]:
    """What was given as exposure, without what was measured of it.

    Args:
        layers: Of the product.
        class_columns: Columns by which the summary was broken down: of each layer the first that it has.
    """
    sources = {name: row for layer in layers if layer.base == SUMMARY for name, row in _inputs(layer).items()}
    return [_exposed(layer, sources, class_columns) for layer in layers if layer.base == EXPOSURE]


def _inputs(summary: Layer) -> dict[str, tuple[str, int]]:
    """Of each layer the file that it is from, and how many more features that has."""
    names = ("layer", "input", "class", "n_notread")
    rows = zip(*(summary.columns[name].tolist() for name in names), strict=True)
    return {str(layer): (str(source), unread or 0) for layer, source, class_, unread in rows if class_ is None}


def _exposed(layer: Layer, sources: dict[str, tuple[str, int]], class_columns: Sequence[str]) -> Exposed:
    source, unread = sources.get(layer.name, (layer.name, 0))
    columns = {name: values for name, values in layer.columns.items() if name not in MEASURED}
    by = next((name for name in class_columns if name in columns), None)
    name = layer.suffix.removeprefix("_")
    return Exposed(name, source, str(layer.crs), layer.geometries, columns, class_column=by, unread=unread)
