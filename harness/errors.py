"""Errors a user can mend. The CLI prints their text without a traceback and ends with exit code 2."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from methods.naming import unknown_text


class UserError(Exception):
    """Wrong usage or missing data: the text says what was looked for, where, what was found and how to mend it."""


class CellFailed(Exception):
    """A training or cell that failed; the CLI ends with exit code 1."""


_SHOWN = 10

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISPLACED = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG)


def disk_error(error: BaseException) -> str | None:
    """What to tell of an error that a full disk or a missing permission caused, itself or deeper down; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (*_FULL, *_FORBIDDEN):
            where = f" at {cause.filename}" if cause.filename else ""
            if cause.errno in _FULL:
                return f"no space left on the disk{where}: free some, then the same command goes on from here"
            return f"not permitted{where} ({cause.strerror}): name another folder, or mend its permissions"
        cause = cause.__cause__ or cause.__context__
    return None


def is_disk_full(error: BaseException) -> bool:
    """Whether an error itself says that a disk is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def misplaced(error: OSError) -> str | None:
    """What to tell of a path that is a folder where a file is needed, or the like; None for other errors."""
    if error.errno not in _MISPLACED or not error.filename:
        return None
    return f"{error.filename}: {error.strerror}. Name a place where that file or folder can be"


def check_output(path: Path | None, option: str, ending: str = "") -> None:
    """Raise UserError if a file cannot be written to `path`: it is a folder, lies below a file, or ends otherwise.

    Called before the work, so that nothing is computed that then has no place. None: nothing will be written.
    """
    if path is None:
        return
    if ending and path.suffix.lower() != ending:
        raise UserError(f"{option} {path}: a name that ends in {ending} is needed")
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder; the name of a file is needed")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise UserError(f"{option} {path} lies below {parent}, which is a file")


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for an unknown name: did-you-mean and the valid names."""
    return UserError(unknown_text(kind, name, valid))


def some(names: Iterable[str]) -> str:
    """Names in a sentence, cut short."""
    names = list(names)
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def lines(texts: Iterable[str]) -> str:
    """Sentences, one a line, cut short."""
    texts = list(texts)
    rest = len(texts) - _SHOWN
    return "\n".join(f"  {text}" for text in [*texts[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])])
