"""Where a table comes from: the lines under it, and the lines under a picture. Nothing here depends on the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness import datasets
from harness.errors import some
from harness.metrics.base import METRICS
from harness.pairs import Overlap
from harness.records import Budget, Imported, Record
from harness.report.select import SHORT_HASH, Comparison
from harness.segmenter import SEGMENTERS

FOOTAGE = "footage"
FOOTAGE_CAUTION = (
    "A small set: two men, two scenes, one take each. Numbers over it are descriptive; it supports no general claim."
)


def source(dataset: str) -> str:
    """Source and licence of the pictures, as the dataset's reader states them; empty for a dataset it does not know."""
    if dataset not in datasets.recorded_names():
        return ""
    reader = datasets.get(dataset)
    return reader.citation if reader.licence in reader.citation else f"{reader.citation}, {reader.licence}"


def caution(dataset: str) -> str:
    """What the dataset cannot show; empty where nothing is known."""
    return FOOTAGE_CAUTION if dataset == FOOTAGE else ""


def lines(comparison: Comparison) -> tuple[str, ...]:
    """The footer of a comparison's main table."""
    records = [entry.record for entry in comparison.entries]
    first = comparison.first
    parts = [
        ("Pairs", _pairs(records)),
        ("Protocol", f"{first.protocol}, hash {first.protocol_hash[:SHORT_HASH]}"),
        ("Metrics left out", _skipped(records)),
        ("Metrics that do not apply to every pair", _each(records, _fewer)),
        ("Pair list", f"{first.pairs}, hash {first.pair_list_hash[:SHORT_HASH]}"),
        ("Dataset", f"{first.dataset}, fingerprint {first.dataset_fingerprint[:SHORT_HASH]}"),
        ("Target boxes", f"from {first.target_box_source}"),
        ("Person masks", _each(records, _masks)),
        ("Leakage", _each(records, _leakage)),
        ("Budget", _budget(records)),
        ("Remarks", "; ".join(dict.fromkeys(remark for record in records for remark in record.remarks))),
        ("Weights", _weights(records)),
        ("Weights given in a file", _given(records)),
        ("Images made elsewhere", _imported(records)),
        ("Code", _each(records, _code)),
        ("Versions", _each(records, _versions)),
        ("Machine", _each(records, lambda record: f"{record.device}, {record.dtype}, {record.threads} threads")),
        ("Older records not shown", ", ".join(sorted(entry.folder.name for entry in comparison.superseded))),
        ("Source of the pictures", source(first.dataset)),
    ]
    note = caution(first.dataset)
    return tuple(f"{name}: {words}" for name, words in parts if words) + ((note,) if note else ())


def brief(comparison: Comparison) -> str:
    """What the numbers are of, in a line: n, protocol, pair list, dataset and budget, with their hashes."""
    records = [entry.record for entry in comparison.entries]
    first = comparison.first
    trained = "nothing was trained" if comparison.samples is None else f"{comparison.samples:,} training samples each"
    return (
        f"{comparison.name}: {_pairs(records)}; protocol hash {first.protocol_hash[:SHORT_HASH]}, pair list "
        f"{first.pair_list_hash[:SHORT_HASH]}, dataset fingerprint {first.dataset_fingerprint[:SHORT_HASH]}; {trained}."
    )


def _fewer(record: Record) -> str:
    """Pair metrics with fewer values than pairs: M-SSIM where a target's mask is empty."""
    counts = {key: record.metrics[key].n for key in METRICS if key in record.metrics and METRICS[key].kind == "pair"}
    return ", ".join(f"{METRICS[key].label} n = {n:,}" for key, n in counts.items() if n < record.n)


def _masks(record: Record) -> str:
    source = record.mask_source or ""
    return f"{source}: {SEGMENTERS[source].title}" if source in SEGMENTERS else source


def _leakage(record: Record) -> str:
    return "; ".join(str(Overlap(**shared.model_dump())) for shared in record.leakage)


def _pairs(records: Iterable[Record]) -> str:
    counts = sorted({(record.n, record.missing) for record in records})
    if len(counts) == 1:
        n, missing = counts[0]
        return f"n = {n:,}, missing {missing:,}"
    return _each(records, lambda record: f"n = {record.n:,}, missing {record.missing:,}")


def _skipped(records: Iterable[Record]) -> str:
    reasons = {(metric, why) for record in records for metric, why in record.skipped.items()}
    return "; ".join(f"{metric}: {why}" for metric, why in sorted(reasons))


def _budget(records: Iterable[Record]) -> str:
    trained = [record for record in records if record.budget is not None]
    return _each(trained, _cost, always_named=True) or "nothing was trained"


def _cost(record: Record) -> str:
    if record.parts:
        return " + ".join(f"{part} {_spent(trained.budget)}" for part, trained in record.parts.items())
    return _spent(record.budget)


def _spent(budget: Budget) -> str:
    return (
        f"{budget.samples:,} samples ({budget.steps:,} steps × batch {budget.batch_size}), "
        f"{budget.seconds:,.0f} s, tuning trials {budget.tuning_trials}"
    )


def _weights(records: Iterable[Record]) -> str:
    assets = sorted({(asset, sha[:SHORT_HASH]) for record in records for asset, sha in record.weights.items()})
    return ", ".join(f"{asset} {sha}" for asset, sha in assets)


def _given(records: Iterable[Record]) -> str:
    found = [record for record in records if record.given_weights is not None]
    return "; ".join(f"{record.title}: {record.origin} {record.given_weights[:SHORT_HASH]}" for record in found)


def _imported(records: Iterable[Record]) -> str:
    return "; ".join(f"{record.title}: {_import(record.imported)}" for record in records if record.imported)


def _import(imported: Imported) -> str:
    parts = [f"convention {imported.convention}", f"hash {imported.images_sha256[:SHORT_HASH]}"]
    if imported.lossy:
        parts.append(f"{len(imported.lossy):,} in a lossy format")
    if imported.lacking:
        parts.append(f"missing {some((*imported.missing_images, *imported.unusable))}")
    return ", ".join(parts)


def _code(record: Record) -> str:
    if record.git is None:
        return ""
    dirty = f" with uncommitted changes {record.git.dirty_hash[:SHORT_HASH]}" if record.git.dirty_hash else ""
    return f"{record.git.commit[:SHORT_HASH]}{dirty}"


def _versions(record: Record) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))


def _each(records: Iterable[Record], words: Callable[[Record], str], always_named: bool = False) -> str:
    """What `words` says of the records: once where all agree, else by title (and seed)."""
    said: dict[str, list[str]] = {}
    for record in records:
        name = record.title if record.seed is None else f"{record.title} seed {record.seed}"
        names = said.setdefault(words(record), [])
        if name not in names:
            names.append(name)
    if len(said) == 1 and not always_named:
        return next(iter(said))
    return "; ".join(f"{', '.join(names)}: {phrase}" for phrase, names in said.items() if phrase)
