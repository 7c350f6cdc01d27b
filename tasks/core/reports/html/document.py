"""The page as one file: what it may do, its style, its data, its scripts."""

import base64
import hashlib
import json
from functools import lru_cache
from importlib import resources
from typing import Any

from tasks.core.reports.html import leaflet

# Where HTML would end a script, or a script a line.
ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}
SCRIPTS = ("map.js", "tables.js")
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
<script type="application/json" id="map-data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def document(title: str, body: str, data: Any) -> bytes:
    """The page.

    Args:
        title: Of the window, as HTML.
        body: What it shows, as HTML.
        data: For its scripts, as JSON takes it.
    """
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(_style())}; script-src {_hash(_script())}; "
        "base-uri 'none'; form-action 'none'"
    )
    return PAGE.format(
        policy=policy, title=title, style=_style(), body=body, data=script_json(data), script=_script()
    ).encode()


def script_json(data: Any) -> str:
    """JSON that can stand in a script's element: ASCII, and without what HTML would take for its own."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(ESCAPES)


def _hash(content: str) -> str:
    """By which the policy knows what is the page's own: nothing else is run, wherever it comes from."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


@lru_cache(maxsize=1)
def _style() -> str:
    return f"{leaflet.style()}\n{_own('page.css')}"


@lru_cache(maxsize=1)
def _script() -> str:
    return "\n".join([leaflet.script(), *(_own(name) for name in SCRIPTS)])


def _own(name: str) -> str:
    return (resources.files("tasks.core.reports.html") / name).read_text("utf-8")
