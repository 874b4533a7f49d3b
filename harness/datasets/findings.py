"""What `bench data check` says of a dataset's files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """One sentence each. facts: what is there. warnings: usable, but worth a look. problems: what must be mended."""

    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
