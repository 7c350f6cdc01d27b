"""Which of many objects are there, found with few requests and little memory, whatever else lies beside them.

A page of a listing tells of 1,000 keys, and S3 charges it as twelve questions for one. A folder is listed as long as
its pages tell of enough objects that are looked for; where most of what lies there is others', each of the rest is
asked for by name. Keys are spread evenly, as content keys are, so a page is like those that follow.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from os import scandir
from pathlib import Path

from tasks.core.errors import ObjectMissing
from tasks.services.storage.local_store import LocalStore
from tasks.services.storage.s3_client import client, nothing_there_is_no_error, translated
from tasks.services.storage.s3_store import S3Store
from tasks.services.storage.storage_errors import translated as locally_translated
from tasks.services.storage.uris import S3_SCHEME, is_s3

# As many as S3 charges for a page; on a disk, where a name of a listing costs a microsecond, so many cost as much.
QUESTIONS_A_PAGE = 12
QUESTIONS_A_FOLDER = 500
AT_ONCE = 16


def present(uris: Iterable[str]) -> set[str]:
    """Those of these objects that are there.

    Args:
        uris: As ``uris.resolve`` gives them; those of one folder are found together.

    Raises:
        ObjectMissing: A folder may not be looked into: that is no reason to take all in it for missing.
        StorageUnavailable: S3 does not answer.
    """
    folders: defaultdict[str, set[str]] = defaultdict(set)
    for uri in uris:
        folders[uri.rpartition("/")[0]].add(uri)
    found: set[str] = set()
    for folder, wanted in folders.items():
        found |= _in_s3(f"{folder}/", wanted) if is_s3(folder) else _in_folder(folder, wanted)
    return found


def _in_folder(folder: str, wanted: set[str]) -> set[str]:
    if len(wanted) <= QUESTIONS_A_FOLDER:
        return {uri for uri in wanted if LocalStore(uri).stat() is not None}
    try:
        with locally_translated(folder, "read"), scandir(folder) as entries:
            return {entry.path for entry in entries if entry.path in wanted and entry.is_file()}
    except ObjectMissing:
        if Path(folder).is_dir():
            raise
        return set()


def _in_s3(prefix: str, wanted: set[str]) -> set[str]:
    """By the first page, which often is the only one; then each part of the folder as it deserves, several at once."""
    found, rest = _page(prefix, wanted, "")
    if len(wanted) - len(rest) < QUESTIONS_A_PAGE:
        return found | _asked(rest)
    parts: defaultdict[str, set[str]] = defaultdict(set)
    for uri in rest:
        parts[uri[: len(prefix) + 1]].add(uri)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return found.union(*pool.map(lambda part: _in_part(part, parts[part]), parts))


def _in_part(prefix: str, wanted: set[str]) -> set[str]:
    """Page by page, from the first object that is looked for."""
    found: set[str] = set()
    while wanted:
        there, rest = _page(prefix, wanted, min(wanted)[:-1])
        found |= there
        if len(wanted) - len(rest) < QUESTIONS_A_PAGE:
            return found | _asked(rest)
        wanted = rest
    return found


def _page(prefix: str, wanted: Collection[str], after: str) -> tuple[set[str], set[str]]:
    """What a page of the listing has of the wanted, and those that it did not get to."""
    bucket, _, key = prefix.removeprefix(S3_SCHEME).partition("/")
    place = f"{S3_SCHEME}{bucket}/"
    start = {"StartAfter": after.removeprefix(place)} if after else {}
    with translated(prefix, "read"), nothing_there_is_no_error():
        page = client().list_objects_v2(Bucket=bucket, Prefix=key, **start)
        uris = [place + str(one["Key"]) for one in page.get("Contents", ())]
        rest = {uri for uri in wanted if uri > uris[-1]} if page.get("IsTruncated") and uris else set()
        return {uri for uri in uris if uri in wanted}, rest
    return set(), set()


def _asked(uris: Collection[str]) -> set[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {uri for uri in pool.map(_if_there, uris) if uri}


def _if_there(uri: str) -> str:
    return uri if S3Store(uri).stat() is not None else ""
