"""What to say of a name nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_text(kind: str, name: str, valid: Iterable[str]) -> str:
    """A sentence with did-you-mean and the valid names, for an unknown `name` of a `kind`."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"unknown {kind} '{name}'.{hint} Valid: {', '.join(names) or 'none'}"
