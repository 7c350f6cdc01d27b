"""Messages as a product's attributes hold them: without the folders of the machine that made it.

A product is handed on, to people who have nothing to do with these folders and should not learn of them.
"""

import re
from collections.abc import Sequence

# The folders of an absolute local path; in "s3://bucket/key" and in the name of a log group of AWS there are none.
FOLDERS = re.compile(r"""(?<![\w/:.~-])/(?!aws/)(?:[^\s/:;,'"()]+/)+""")


def without_folders(text: str, places: Sequence[str]) -> str:
    """The text with files named by their names alone, or by their paths below a place that is known.

    Args:
        text: A message; it may name files of this machine.
        places: Local folders, absolute: their names may hold what cannot be told from the text around them.
    """
    for place in sorted(filter(None, places), key=len, reverse=True):
        if place.startswith("/"):
            text = text.replace(f"{place.rstrip('/')}/", "")
    return FOLDERS.sub("", text)
