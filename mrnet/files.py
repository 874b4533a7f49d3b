"""Files and folders that are there whole or not at all: made under a temporary name beside their place, then renamed.

A process killed on the way leaves a hidden `.NAME.*.tmp`, never a part of NAME; `sweep` removes it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_ENDING = ".tmp"
_ABOUT = "about"
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755  # mkstemp and mkdtemp make private ones; outputs are shared like any other


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, to write a file to: it takes the place of `path` if the block ends well.

    Parent folders are made. On any error the temporary file goes and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_ENDING)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, _FILE_MODE)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, to be filled: it becomes `path`, which must not exist, if the block ends well.

    On any error the temporary folder goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=_ENDING)
    try:
        yield Path(name)
        os.chmod(name, _FOLDER_MODE)
        os.rename(name, path)
    except BaseException:
        shutil.rmtree(name, ignore_errors=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    write_bytes(path, text.encode())


def packed(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata of a safetensors file in one entry: the format keeps several in no order, and equal files are wanted."""
    return {_ABOUT: json.dumps(dict(metadata), sort_keys=True)}


def unpacked(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """What `packed` was given; nothing where a file has other metadata or none. ValueError for damaged ones."""
    return dict(json.loads((metadata or {}).get(_ABOUT, "{}")))


def leftovers(folder: Path, name: str = "*") -> list[Path]:
    """What killed processes left in `folder` of a file or folder called `name`, or what others are just writing."""
    return sorted(folder.glob(f".{name}.*{_ENDING}"))


def sweep(folder: Path, name: str = "*") -> None:
    """Remove `leftovers`; the caller makes sure that nobody is writing there."""
    for path in leftovers(folder, name):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
