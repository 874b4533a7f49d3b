"""How sure a value is, as whiskers of a figure: interval, spread over seeds, or range of groups, and which it is."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.table import Value


def ends(value: Value) -> tuple[float, float] | None:
    """Least and greatest of what a value's whisker covers; None where nothing is known."""
    if value.seeds_sd is not None:
        return value.mean - value.seeds_sd, value.mean + value.seeds_sd
    if value.low is not None and value.high is not None:
        return value.low, value.high
    if value.group_low is not None and value.group_high is not None:
        return value.group_low, value.group_high
    return None


def lengths(values: Sequence[Value]) -> list[list[float]]:
    """Lengths below and above each value, never negative; 0 where nothing is known."""
    found = [ends(value) or (value.mean, value.mean) for value in values]
    return [
        [max(0.0, value.mean - low) for value, (low, _) in zip(values, found, strict=True)],
        [max(0.0, high - value.mean) for value, (_, high) in zip(values, found, strict=True)],
    ]


def told(values: Sequence[Value | None]) -> str:
    """What the whiskers of these values are, in a sentence for the caption."""
    there = [value for value in values if value]
    kinds = []
    if any(value.seeds_sd is not None for value in there):
        kinds.append("standard deviation over the seeds")
    if any(value.seeds_sd is None and value.low is not None for value in there):
        kinds.append("95 % bootstrap interval over groups of pairs")
    if any(value.seeds_sd is None and value.low is None and value.group_low is not None for value in there):
        kinds.append("least and greatest mean of a group of pairs, too few for an interval")
    if not kinds:
        return "No interval: one seed, and too few groups of pairs."
    return f"Whiskers: {'; or '.join(kinds)}."
