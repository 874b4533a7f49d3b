"""SHA-256 of the files of a dataset, each read once: what is known of a file holds while its size and time stay.

The table lies under the home folder, so that the second look at a hundred thousand files costs a look at their sizes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from harness import paths
from harness.datasets.decoding import in_parallel, workers
from harness.fetch import sha256_of
from harness.progress import track
from harness.store import read_json
from mrnet import files


def file_hashes(root: Path, names: Iterable[str]) -> dict[str, str | None]:
    """SHA-256 of each file below `root`, 64 hex digits; None for one that is not there."""
    table = paths.home() / "cache" / "hashes" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}.json"
    known = read_json(table)
    stamps = {name: _stamp(root / name) for name in names}
    fresh = [name for name, stamp in stamps.items() if stamp and known.get(name, [None])[0] != stamp]
    if fresh:
        made = in_parallel(lambda name: sha256_of(root / name), fresh, workers())
        hashed = track(zip(fresh, made, strict=True), f"hashing {root.name}", len(fresh))
        known = {**known, **{name: [stamps[name], digest] for name, digest in hashed}}
        files.write_text(table, json.dumps(known))
    return {name: known[name][1] if stamp else None for name, stamp in stamps.items()}


def _stamp(path: Path) -> str:
    """Size and time of a file; empty for none."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
