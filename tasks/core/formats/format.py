"""What a file format of the product is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.core.product.layer import Layer


@dataclass(frozen=True, slots=True)
class Format:
    """A file format of the product: an entry of ``product_files.FORMATS``.

    Attributes:
        write: Writes the layers into a folder that is there, in place of its files of a former product; files that
            carry a time with that of the run (UTC). Gives a warning for each thing that had to be left out.
        main_files: Of the paths below a product's folder those that a person opens, the most wanted first, each with
            what it is. One that ends in ``/`` is a folder that programs open as one.
        to_open: The file that is named in the terminal after a run; None for none.
        tile_files: Ending of its files of single tiles in ``tiles/``, and what several of them are called; None for
            none.
        package: What must be importable to write it, beyond what is always there; None for nothing.
        extra: Of this project, which installs that package.
    """

    write: Callable[[Sequence[Layer], Path, datetime], Iterable[str]]
    main_files: Callable[[Sequence[str]], Iterable[tuple[str, str]]]
    to_open: str | None = None
    tile_files: tuple[str, str] | None = None
    package: str | None = None
    extra: str | None = None
