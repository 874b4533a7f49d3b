"""Errors a user can mend. The CLI prints their text without a traceback and ends with exit code 2."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from methods.naming import unknown_text


class UserError(Exception):
    """Wrong usage or missing data: the text says what was looked for, where, what was found and how to mend it."""


class CellFailed(Exception):
    """A training or cell that failed; the CLI ends with exit code 1."""


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


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


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for an unknown name: did-you-mean and the valid names."""
    return UserError(unknown_text(kind, name, valid))
