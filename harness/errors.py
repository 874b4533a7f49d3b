"""Errors a user can mend. The CLI prints their text without a traceback and ends with exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Wrong usage or missing data: the text says what was looked for, where, what was found and how to mend it."""


class CellFailed(Exception):
    """A training or cell that failed; the CLI ends with exit code 1."""


def unknown(kind: str, name: str, valid: Iterable[str]) -> UserError:
    """The error for an unknown name: did-you-mean and the valid names."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return UserError(f"unknown {kind} '{name}'.{hint} Valid: {', '.join(names) or 'none'}")
