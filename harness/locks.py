"""Locks between processes of one machine, by filelock: freed by the system when their holder ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError
from mrnet import files


def no_word() -> None:
    """Waits in silence."""


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = no_word) -> Iterator[None]:
    """Hold the lock file `path`; calls `on_wait` once if another holds it, then waits.

    UserError where its folder cannot be made or written to.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire()
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"cannot write to {path.parent}: {error.strerror}. Results go where --results says, data, cache and "
            "weights under BENCH_HOME: name a folder you may write to"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether some process holds the lock file `path` now."""
    from filelock import FileLock, Timeout

    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        # results of another user, or on a disk that is read only: nothing of ours runs there
        return False
    lock.release()
    return False


@contextmanager
def building(target: Path) -> Iterator[None]:
    """Be the only one who builds the file or folder `target`; what an interrupted build of it left is removed first."""
    with locked(target.parent / f".{target.name}.lock"):
        files.sweep(target.parent, target.name)
        yield
