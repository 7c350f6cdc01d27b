"""Names that every system can keep: those of datasets and tiles become names of folders, files and zip members.

Sources: Microsoft, "Naming Files, Paths, and Namespaces" (characters, names of devices, dots and spaces at the end);
case and the normal form of letters do not tell files apart on Windows and macOS.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import sha256

FORBIDDEN = '/\\:*?"<>|'
DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)
MARK_DIGITS = 16


def safe_name(name: str, most_bytes: int) -> str:
    """One component of a path, safe on every system; empty where nothing of it can be kept.

    Characters that some system forbids become ``_``, dots and spaces at the ends go, names of devices get a ``_``.

    Args:
        name: As somebody gave it; may hold anything.
        most_bytes: Where it is cut, at a character's end.
    """
    kept = "".join("_" if character in FORBIDDEN or not character.isprintable() else character for character in name)
    base, dot, rest = cut(kept, most_bytes).strip(". ").partition(".")
    return f"{base}_{dot}{rest}" if base.rstrip().lower() in DEVICES else base + dot + rest


def cut(text: str, most_bytes: int) -> str:
    """The beginning of a text that fits so many bytes of UTF-8."""
    return text.encode(errors="replace")[:most_bytes].decode(errors="ignore")


def safe_path(path: str, most_bytes: int) -> str:
    """A path whose components are safe; one that is too long is cut and told apart by a hash."""
    return "/".join(_component(part, most_bytes) for part in path.split("/") if part)


def distinct_paths(paths: Mapping[str, str], endings: Collection[str], most_bytes: int) -> dict[str, str]:
    """Safe paths of files that stay apart wherever they are unpacked: those that would not get a hash of their key.

    Args:
        paths: Wanted paths without ending, by a key that is each one's own.
        endings: Of the files that each becomes; none may be called as a folder of another is.
        most_bytes: Of a component, without ending.
    """
    safe = {key: safe_path(path, most_bytes) for key, path in paths.items()}
    counts = Counter(map(_folded, safe.values()))
    folders = {folder for path in safe.values() for folder in _folders(_folded(path))}
    return {
        key: _marked(path, key, most_bytes) if counts[_folded(path)] > 1 or _is_folder(path, endings, folders) else path
        for key, path in safe.items()
    }


def _component(name: str, most_bytes: int) -> str:
    if len(name.encode(errors="surrogatepass")) > most_bytes:
        return _marked(name, name, most_bytes)
    return safe_name(name, most_bytes) or "_"


def _marked(path: str, key: str, most_bytes: int) -> str:
    """A path whose last component carries a hash of the key."""
    folder, slash, name = path.rpartition("/")
    mark = sha256(key.encode(errors="surrogatepass")).hexdigest()[:MARK_DIGITS]
    return f"{folder}{slash}{safe_name(name, most_bytes - MARK_DIGITS - 1)}-{mark}"


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _is_folder(path: str, endings: Collection[str], folders: Collection[str]) -> bool:
    return any(_folded(path + ending) in folders for ending in endings)
