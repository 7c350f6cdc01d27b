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
        write: Writes the layers into a folder that is there, files that carry a time with that of the run (UTC); gives
            a warning for each file that had to be left out.
        main_files: Of the paths below a product's folder those that a person opens, the most wanted first, each with
            what it is.
        to_open: The file that is named in the terminal after a run; None for none.
        tile_files: Ending of its files of single tiles in ``tiles/``, and what several of them are called; None for
            none.
    """

    write: Callable[[Sequence[Layer], Path, datetime], Iterable[str]]
    main_files: Callable[[Sequence[str]], Iterable[tuple[str, str]]]
    to_open: str | None = None
    tile_files: tuple[str, str] | None = None
