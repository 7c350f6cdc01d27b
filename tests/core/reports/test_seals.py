"""Whether somebody has changed a run.json or a zip."""

import json
import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.reports.run_json import to_json
from tasks.core.reports.seals import is_sealed_record, is_sealed_zip, seal_zip


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False)), st.data())
def test_a_record_that_was_changed_is_known(record: dict[str, str | float], data: st.DataObject) -> None:
    """Every byte counts, of the seal itself, too; the record stays JSON."""
    sealed = to_json(record)  # type: ignore[arg-type]
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    assert is_sealed_record(sealed)
    assert not is_sealed_record(changed)
    assert json.loads(sealed).keys() - record.keys() <= {"record_hash"}


def test_a_zip_that_was_changed_is_known(tmp_path: Path) -> None:
    """A file put into it, a new comment or a lost byte show, however the content is cut into pieces; it still opens."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "1" * 1000)
    assert not is_sealed_zip([path.read_bytes()])
    seal_zip(path)
    sealed = path.read_bytes()
    assert all(is_sealed_zip(sealed[at : at + size] for at in range(0, len(sealed), size)) for size in (1, 7, 4096))
    assert not is_sealed_zip([sealed[1:]])
    with zipfile.ZipFile(path, "a") as archive:
        assert archive.testzip() is None
        archive.writestr("notes.txt", "mine")
    assert not is_sealed_zip([path.read_bytes()])


def test_the_seal_is_the_last_key_wherever_the_record_has_it() -> None:
    """A record that was put together in another order is sealed all the same."""
    assert is_sealed_record(to_json({"record_hash": "", "": ""}))  # type: ignore[typeddict-item]
