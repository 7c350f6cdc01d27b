"""Products as publishing takes them."""

from pathlib import Path

from tasks.core.reports.run_json import RunRecord, to_json
from tasks.services import storage
from tasks.services.publishing.product_folder import hashes_of


def make_product(folder: Path, files: dict[str, str], dataset: str = "/data/prairie") -> Path:
    """A folder with these texts by relative path, and a run.json that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    record: RunRecord = {"dataset": dataset, "files": hashes_of(folder)}  # type: ignore[typeddict-item]
    (folder / "run.json").write_bytes(to_json(record))
    return folder


def contents(uri: str) -> dict[str, bytes]:
    """The content of all files below a folder or prefix, by relative path."""
    return {info.relative_path: storage.read_bytes(info.uri) for info in storage.list_objects(uri)}
