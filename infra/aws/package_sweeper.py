"""Packs the sweeper for AWS Lambda: ``python -m infra.aws.package_sweeper dist/sweeper.zip``.

The zip holds the handler and what it imports of the project; Lambda's Python runtime has the rest, boto3. The same code
gives the same bytes, so that the digest, which is printed, can name the version.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "infra/__init__.py",
    "infra/aws/__init__.py",
    "infra/aws/sweeper.py",
    "tasks/__init__.py",
    "tasks/services/__init__.py",
    "tasks/services/endpoints/__init__.py",
    "tasks/services/endpoints/teardown/__init__.py",
    "tasks/services/endpoints/teardown/new_resources.py",
    "tasks/services/endpoints/teardown/sagemaker_resources.py",
    "tasks/services/endpoints/teardown/scalable_targets.py",
    "tasks/services/endpoints/teardown/sweeping.py",
    "tasks/services/endpoints/teardown/teardown.py",
)
# The earliest that a zip can hold: a checkout's times say nothing about the code.
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
READABLE = 0o100644 << 16


def package(target: Path, root: Path = ROOT) -> str:
    """Write the zip, whose folder is made, and return its SHA-256 in hexadecimal digits.

    Raises:
        FileNotFoundError: A file of the sweeper is missing.
    """
    contents = {name: (root / name).read_bytes() for name in sorted(FILES)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents.items():
            archive.writestr(_entry(name), content)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    """Stored, not compressed: compressors differ between versions, and it is a few kilobytes."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = UNIX
    entry.external_attr = READABLE
    return entry


def main(arguments: list[str]) -> int:
    """Exit status: 0 written, 64 unusable arguments."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m infra.aws.package_sweeper FILE.zip\n")
        return 64
    target = Path(arguments[0])
    sys.stdout.write(f"{package(target)}  {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
