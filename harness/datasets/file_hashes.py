"""SHA-256 of the files of a dataset, each read once: what is known of a file holds while its size and time stay.

The table lies under the home folder, so that the second look at a hundred thousand files costs a look at their sizes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from harness import locks, paths
from harness.datasets.decoding import in_parallel, workers
from harness.errors import UserError
from harness.fetch import sha256_of
from harness.progress import track
from harness.store import read_json
from mrnet import files

_ENTRY = [str, str]  # a file's stamp and its hash
_SAVED_EVERY = 5000  # files, so that a first look that is stopped is not lost


def file_hashes(root: Path, names: Iterable[str]) -> dict[str, str | None]:
    """SHA-256 of each file below `root`, 64 hex digits; None for one that is not there."""
    table = paths.home() / "cache" / "hashes" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"
    stamps = {name: _stamp(root / name) for name in names}
    known = _known(table)
    if _unknown(stamps, known):
        with locks.building(table):  # another process may have hashed them meanwhile
            known = _known(table)
            _hash(root, table, known, stamps)
    return {name: known[name][1] if stamp else None for name, stamp in stamps.items()}


def _hash(root: Path, table: Path, known: dict[str, list[str]], stamps: dict[str, str]) -> None:
    """Hash what is not known, into `known` and the table."""
    fresh = _unknown(stamps, known)
    made = in_parallel(lambda name: sha256_of(root / name), fresh, workers())
    for count, (name, digest) in enumerate(track(zip(fresh, made, strict=True), f"hashing {root.name}", len(fresh)), 1):
        known[name] = [stamps[name], digest]
        if count % _SAVED_EVERY == 0 or count == len(fresh):
            files.write_text(table, json.dumps(known))


def _unknown(stamps: dict[str, str], known: dict[str, list[str]]) -> list[str]:
    return [name for name, stamp in stamps.items() if stamp and known.get(name, [""])[0] != stamp]


def _known(table: Path) -> dict[str, list[str]]:
    """What is kept: by file its stamp and its hash. A damaged table is made anew."""
    try:
        kept = read_json(table)
    except UserError:
        return {}
    return {name: entry for name, entry in kept.items() if isinstance(entry, list) and list(map(type, entry)) == _ENTRY}


def _stamp(path: Path) -> str:
    """Size and time of a file; empty for none."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
