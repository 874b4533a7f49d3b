"""Which records may meet in one table: those of one comparison, never of two.

A comparison is fixed by dataset, split, image size, preset, protocol (name and hash), pair list (hash), dataset
fingerprint (and so person masks) and training budget. Methods that depend on no preset (controls) join every comparison
that stands on the same pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import UserError, unknown
from harness.pairs import TEST
from harness.segmenter import SEGMENTERS

if TYPE_CHECKING:
    from harness.records import Record
    from harness.suites import Suite

ALL = "all"
NO_PRESET = "none"
SHORT_HASH = 12


class Name(NamedTuple):
    """What a user calls a comparison by.

    size_px: (height, width). masks: the segmenter, if not the dataset's own. partition: empty for test pairs.
    """

    dataset: str
    split: str
    size_px: tuple[int, int]
    preset: str
    protocol: str
    masks: str
    partition: str = ""

    def __str__(self) -> str:
        height, width = self.size_px
        trained = f"preset {self.preset} · " if self.preset != NO_PRESET else ""
        masks = f" · masks {self.masks}" if self.masks else ""
        split = f"{self.split}, {self.partition} pairs" if self.partition else self.split
        return f"{self.dataset} · split {split} · {height}×{width} px · {trained}protocol {self.protocol}{masks}"


@dataclass(frozen=True)
class Entry:
    """A record and the cell folder it lies in."""

    record: Record
    folder: Path


@dataclass(frozen=True)
class Comparison:
    """Records that may stand in one table.

    samples: training samples every trained method saw; None where no method trained.
    entries: at most one per (method, parameters, origin, seed), in a fixed order.
    superseded: older records of the same method, parameters and seed, which are not shown.
    stem: name of the report's files, without the ending.
    """

    name: Name
    samples: int | None
    entries: tuple[Entry, ...]
    superseded: tuple[Entry, ...]
    stem: str

    @property
    def first(self) -> Record:
        return self.entries[0].record


@dataclass(frozen=True)
class Selection:
    """Which of a store's records a report is of; what is None is not narrowed.

    methods: rows to show, all where none are named. pairs: the start of a pair list's hash, or `all` (a comparison for
    each). fingerprint: the start of the dataset's, where only one version of it (files, masks) is wanted. suite: only
    what it runs, and controls.
    """

    dataset: str | None = None
    protocol: str | None = None
    split: str | None = None
    preset: str | None = None
    methods: tuple[str, ...] = ()
    pairs: str | None = None
    fingerprint: str | None = None
    suite: Suite | None = None


def comparisons(entries: Iterable[Entry], selection: Selection = Selection()) -> list[Comparison]:
    """The comparisons among `entries` that the selection leaves.

    Raises UserError when nothing is left (naming what there is), and when one name covers several pair lists and
    the selection does not say which, or several dataset fingerprints or protocol hashes.
    """
    entries, preset, pairs = list(entries), selection.preset, selection.pairs
    versions: dict[Name, set[str]] = defaultdict(set)
    for entry in entries:
        versions[_name(entry.record)].add(entry.record.dataset_fingerprint)
    chosen = with_methods(entries, selection.methods)
    if selection.suite:
        chosen = _of_suite(chosen, selection.suite)
    chosen = _narrowed(chosen, selection)
    named: dict[Name, list[Entry]] = defaultdict(list)
    for entry in chosen:
        if entry.record.preset is not None:
            named[_name(entry.record)].append(entry)
    free = [entry for entry in chosen if entry.record.preset is None]
    joined = {footing(entry.record) for members in named.values() for entry in members}
    if preset is None:
        for entry in free:
            if footing(entry.record) not in joined:
                named[_name(entry.record)].append(entry)
    found = []
    for name in sorted(named):
        lists = _by(named[name], "pair_list_hash")
        if len(lists) > 1 and pairs != ALL:
            raise _several_pair_lists(name, lists)
        for pair_list_hash in sorted(lists):
            members = lists[pair_list_hash]
            _refuse_clash(name, members)
            ground = footing(members[0].record)
            guests = [entry for entry in free if footing(entry.record) == ground and entry not in members]
            suffix = f"-pairs-{pair_list_hash[:SHORT_HASH]}" if len(lists) > 1 else ""
            if len(versions[name]) > 1:
                suffix += f"-data-{members[0].record.dataset_fingerprint[:SHORT_HASH]}"
            found.extend(_by_budget(name, [*members, *guests], suffix))
    return found


def only(entries: Iterable[Entry], selection: Selection, of: str) -> Comparison:
    """The one comparison that the selection leaves. of: what is of one alone, for the error.

    UserError as `comparisons`, and for several, naming them.
    """
    found = comparisons(entries, selection)
    if len(found) > 1:
        datasets = ", ".join(sorted({it.name.dataset for it in found}))
        listed = "\n".join(f"  {it.name}, {it.samples or 0:,} training samples" for it in found)
        raise UserError(
            f"{len(found)} comparisons of {datasets} are in the store, {of} one:\n{listed}\nChoose with --dataset, "
            "--protocol, --split, --preset or --pairs, or keep other budgets in a store of their own"
        )
    return found[0]


def with_methods(entries: Sequence[Entry], methods: Sequence[str]) -> list[Entry]:
    """The entries of these methods; all where none are named. UserError for one that is not in the store."""
    there = {entry.record.method for entry in entries}
    methods = ["".join(method.split()) for method in methods]  # a wrapper's name may be written with blanks
    for method in methods:
        if method not in there:
            raise unknown("method in the store", method, there)
    return [entry for entry in entries if not methods or entry.record.method in methods]


def _of_suite(entries: Sequence[Entry], suite: Suite) -> list[Entry]:
    """What the suite runs, unchanged, and what is not trained. UserError where nothing of it was run."""
    chosen = {
        "dataset": {suite.dataset} if suite.dataset else None,
        "split": {suite.split} if suite.split else None,
        "protocol": {suite.protocol},
        "preset": {suite.preset, None},
        "seed": {*suite.seeds, None},
    }
    sides = [(field, values) for field, values in chosen.items() if values]
    found = [
        entry
        for entry in entries
        if all(getattr(entry.record, field) in values for field, values in sides)
        and (entry.record.preset is None or entry.record.method in suite.methods)
        and not entry.record.overrides
    ]
    if all(entry.record.preset is None for entry in found):
        raise UserError(f"nothing of suite {suite.name} is in the store; run it: `bench run --suite {suite.name}`")
    return found


def _narrowed(entries: list[Entry], selection: Selection) -> list[Entry]:
    for field in ("dataset", "protocol", "split", "preset"):
        value = getattr(selection, field)
        if value is None:
            continue
        there = {getattr(entry.record, field) for entry in entries} - {None}
        # a layout of several sets (prepared) means each of them
        meant = {found for found in there if found == value or (field == "dataset" and found.startswith(f"{value}-"))}
        if not meant:
            raise unknown(f"{field} in the store", value, there)
        # A row without a preset (a control) stands beside every preset.
        entries = [entry for entry in entries if getattr(entry.record, field) in (*meant, None)]
    for words, field, start in (
        ("pair list", "pair_list_hash", selection.pairs),
        ("dataset fingerprint", "dataset_fingerprint", selection.fingerprint),
    ):
        if start in (None, ALL):
            continue
        there = {getattr(entry.record, field)[:SHORT_HASH] for entry in entries}
        entries = [entry for entry in entries if getattr(entry.record, field).startswith(start)]
        if not entries:
            raise unknown(f"{words} in the store", start, there)
    return entries


def footing(record: Record) -> tuple[object, ...]:
    """What two records must share, beside preset and budget, for their numbers to be comparable."""
    return (
        record.dataset,
        record.split,
        tuple(record.size_px),
        record.protocol,
        record.protocol_hash,
        record.pair_list_hash,
        record.dataset_fingerprint,
        record.target_box_source,
    )


def _name(record: Record) -> Name:
    height, width = record.size_px
    preset = record.preset or NO_PRESET
    masks = record.mask_source if record.mask_source in SEGMENTERS else ""
    partition = "" if record.partition == TEST else record.partition
    return Name(record.dataset, record.split, (height, width), preset, record.protocol, masks, partition)


def _by(entries: Sequence[Entry], field: str) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[str(getattr(entry.record, field))].append(entry)
    return groups


def _several_pair_lists(name: Name, lists: dict[str, list[Entry]]) -> UserError:
    lines = [
        f"  {key[:SHORT_HASH]}: {lists[key][0].record.n + lists[key][0].record.missing} pairs, "
        f"{', '.join(sorted({entry.record.method for entry in lists[key]}))}"
        for key in sorted(lists)
    ]
    return UserError(
        f"{len(lists)} pair lists go under one name ({name}), and numbers of different pairs never share a table:\n"
        + "\n".join(lines)
        + f"\nChoose one with `bench report --pairs {min(lists)[:SHORT_HASH]}`, "
        "or write a report for each with `--pairs all`."
    )


def _refuse_clash(name: Name, entries: Sequence[Entry]) -> None:
    for field, words in (
        ("protocol_hash", "versions of the protocol"),
        ("dataset_fingerprint", "versions of the dataset"),
        ("target_box_source", "sources of the target boxes"),
    ):
        versions = _by(entries, field)
        if len(versions) > 1:
            lines = [f"  {key[:SHORT_HASH]}: {entry.folder}" for key in sorted(versions) for entry in versions[key]]
            raise UserError(
                f"{len(versions)} {words} go under one name ({name}); their numbers never share a table:\n"
                + "\n".join(lines)
                + (
                    f"\nChoose one with `bench report --fingerprint {min(versions)[:SHORT_HASH]}`."
                    if field == "dataset_fingerprint"
                    else "\nMove the cells you do not want out of the store, "
                    "or run again into an empty one (`bench run --results DIR`)."
                )
            )


def samples_of(record: Record) -> int:
    """Training samples the method saw here; 0 for what does not train."""
    return 0 if record.budget is None else record.budget.samples


def _by_budget(name: Name, entries: Sequence[Entry], suffix: str) -> list[Comparison]:
    """One comparison per number of training samples; untrained rows join each."""
    budgets = sorted({samples_of(entry.record) for entry in entries} - {0})
    height, width = name.size_px
    masks = f"-masks-{name.masks}" if name.masks else ""
    partition = f"-{name.partition}" if name.partition else ""
    stem = f"{name.dataset}-{name.split}{partition}-{height}x{width}-{name.preset}-{name.protocol}{masks}{suffix}"
    result = []
    for samples in budgets or [None]:
        members = [entry for entry in entries if samples_of(entry.record) in (0, samples)]
        kept, superseded = _newest(members)
        result.append(
            Comparison(name, samples, kept, superseded, f"{stem}-{samples}samples" if len(budgets) > 1 else stem)
        )
    return result


def identity(record: Record) -> tuple[object, ...]:
    """What two records share that are two seeds of one row: method, parameters, `--set` changes, file of weights."""
    parameters = repr(sorted(record.parameters.items()))
    return record.method, parameters, record.overrides, record.origin, record.given_weights or ""


def _seed(record: Record) -> int:
    return -1 if record.seed is None else record.seed


def _newest(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    ordered = sorted(entries, key=lambda entry: (*identity(entry.record), _seed(entry.record), entry.record.created))
    kept: dict[tuple[object, ...], Entry] = {}
    older = []
    for entry in ordered:
        key = (*identity(entry.record), _seed(entry.record))
        if key in kept:
            older.append(kept[key])
        kept[key] = entry
    return tuple(kept.values()), tuple(older)
