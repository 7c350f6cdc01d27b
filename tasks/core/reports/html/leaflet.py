"""The map library of the page, Leaflet: out of the package XStatic-Leaflet, made so that it fetches nothing."""

import re
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

PACKAGE = "xstatic.pkg.leaflet"
SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S*")
# Of the icons for a layer control and for markers without a number, which the page does not have; and for old browsers.
WITH_URL = re.compile(r"[\w-]+:[^;{}]*url\([^;{}]*;?")
# Its licence asks that these lines go where it goes: BSD-2-Clause, as Leaflet's file LICENSE has it.
LICENCE = """\
Leaflet: Copyright (c) 2010-2022, Volodymyr Agafonkin. Copyright (c) 2010-2011, CloudMade. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE."""


@lru_cache(maxsize=1)
def script() -> str:
    """Leaflet's script, with its licence in front.

    Raises:
        ModuleNotFoundError: The package is not installed.
        ValueError: It cannot stand inside a page.
    """
    code = SOURCE_MAP.sub("", _data("leaflet.js"))
    if re.search(r"</script|<!--", code, re.IGNORECASE):
        raise ValueError(f"{PACKAGE}: leaflet.js would end the page's script: install XStatic-Leaflet 1.9.3.0")
    return f"/*!\n{LICENCE}\n*/\n{code}"


@lru_cache(maxsize=1)
def style() -> str:
    """Leaflet's style sheet, without the pictures that it would fetch."""
    return WITH_URL.sub("", _data("leaflet.css"))


def _data(name: str) -> str:
    folder: Traversable = resources.files(PACKAGE)
    return (folder / "data" / name).read_text("utf-8")
