"""Errors a user can mend. The CLI prints their text without a traceback and ends with exit code 2."""

from __future__ import annotations

from collections.abc import Iterable

from methods.naming import unknown_text


class UserError(Exception):
    """Wrong usage or missing data: the text says what was looked for, where, what was found and how to mend it."""


class CellFailed(Exception):
    """A training or cell that failed; the CLI ends with exit code 1."""


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for an unknown name: did-you-mean and the valid names."""
    return UserError(unknown_text(kind, name, valid))
