"""Pins the images of ``Dockerfile`` and ``compose.yaml``: ``python -m deployments.pin_images``, as ``make pin-images``.

A tag can be pointed at other bytes; a digest cannot. Behind each version stands the digest of its index, of all
platforms, as the registry has it now: to be looked at and committed. For a newer version change the tag first.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
FILES = (FOLDER / "Dockerfile", FOLDER / "compose.yaml")
# Names with a tag in a FROM or an image; what comes from a variable is of our own making.
IMAGE = re.compile(r"^(?P<lead>FROM |\s+image: )(?P<name>[a-z0-9./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SECONDS = 120


class NotResolved(Exception):
    """The registry did not say which digest an image has."""


def digest_of(name: str) -> str:
    """The digest of an image's index, asked of its registry by way of Docker.

    Raises:
        NotResolved: Docker is not there, or has no answer.
    """
    command = ["docker", "buildx", "imagetools", "inspect", name, "--format", "{{.Manifest.Digest}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotResolved(f"{name}: {error}") from error
    found = DIGEST.search(done.stdout)
    if done.returncode or found is None:
        raise NotResolved(f"{name}: {done.stderr.strip() or done.stdout.strip() or 'no digest'}")
    return found[0]


def pinned(text: str, resolve: Callable[[str], str]) -> str:
    """The text of a file with the digest of each image that it names.

    Args:
        text: Of a Dockerfile or a compose file.
        resolve: Gives the digest of a name with a tag.
    """
    once = cache(resolve)
    return IMAGE.sub(lambda found: f"{found['lead']}{found['name']}@{once(found['name'])}", text)


def main() -> None:
    """Do it, as a command; nothing is written unless all are known."""
    try:
        texts = {file: pinned(file.read_text(), digest_of) for file in FILES}
    except NotResolved as error:
        sys.exit(f"nothing was changed: {error}")
    for file, text in texts.items():
        file.write_text(text)


if __name__ == "__main__":
    main()
