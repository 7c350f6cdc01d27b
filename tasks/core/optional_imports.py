"""What other packages import only because it happens to be installed, and nothing here ever uses.

On import, pyogrio takes geopandas, pandas and pyarrow, and rasterio takes boto3, wherever they are installed: other
extras bring them. That is half a second of CPU for each process, and 80 MB. Here pyogrio hands out arrays, never data
frames, and rasterio reads files of this machine, never S3. Both packages take an ImportError for an answer: they are
given one, in the thread that imports them and as long as it does. What is imported already, they find all the same, so
a program that wants data frames of pyogrio imports geopandas before.

The modules are those of pyogrio 0.13 and rasterio 1.4. Should others do the importing one day, it costs its time again,
and a test says so.
"""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

# What a module is not to find, by the module.
NOT_FOR: Mapping[str, frozenset[str]] = {
    "pyogrio._compat": frozenset({"geopandas", "pandas", "pyarrow"}),
    "rasterio.session": frozenset({"boto3"}),
}


class _Without(MetaPathFinder):
    """Finds none of some modules, in the thread that it was made in."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Raises ModuleNotFoundError for one of them, as if it were not installed."""
        if name in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not for this importer", name=name)


class _Loader(SourceFileLoader):
    """Runs a module that is not to find some others."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        with _hidden(NOT_FOR[module.__name__]):
            super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of ``NOT_FOR``, where Python finds them; of all others it knows nothing."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in NOT_FOR else None
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _Loader(name, spec.origin)
        return spec


@contextmanager
def _hidden(names: frozenset[str]) -> Iterator[None]:
    finder = _Without(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def leave_out() -> None:
    """Let the modules of ``NOT_FOR`` find nothing that they do not need here; safe to repeat."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
