"""Formats that have a file for each layer, in a folder of their own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tasks.core.formats.layer_titles import LAYERS, split_name
from tasks.core.product.layer import Layer
from tasks.core.tiles.file_names import distinct_paths

NAME_BYTES = 200


def layer_paths(layers: Sequence[Layer], folder: Path, ending: str) -> Iterator[tuple[Path, Layer]]:
    """Path of each layer's file; names are safe on every system. The folder is made, and is empty of such files."""
    folder.mkdir(parents=True, exist_ok=True)
    for former in folder.glob(f"*{ending}"):
        former.unlink()
    names = distinct_paths({layer.name: layer.name.replace("/", "_") for layer in layers}, (ending,), NAME_BYTES)
    yield from ((folder / f"{names[layer.name]}{ending}", layer) for layer in layers)


def extent_files(files: Sequence[str], folder: str, ending: str, kind: str) -> Iterator[tuple[str, str]]:
    """Those of the flood extent among a product's files, with what they are."""
    for name in sorted(files):
        if name.startswith(f"{folder}/") and name.endswith(ending):
            base, suffix = split_name(name.removeprefix(f"{folder}/").removesuffix(ending))
            if base == "flood_extent":
                in_crs = f" ({suffix.strip('_')})" if suffix else ""
                yield name, f"{kind}, {LAYERS[base].title.lower()}{in_crs}; the other layers lie beside it"
