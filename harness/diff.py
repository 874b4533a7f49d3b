"""`bench diff`: how the numbers of two records differ, and what of all that was recorded may explain it.

Every field of a record belongs to one cause, or is named here as none. Keys are made of other fields: they speak only
where nothing else does. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness import store
from harness.errors import UserError
from harness.metrics.base import METRICS
from harness.metrics.protocol import load_protocol
from harness.records import FolderRecord, Record, read_any_record

AnyRecord = Record | FolderRecord

CAUSES: dict[str, tuple[str, ...]] = {
    "protocol": ("protocol", "protocol_hash", "skipped"),
    "pairs": ("pair_list_hash", "n", "missing", "missing_images", "unusable", "extra", "lossy"),
    "data": (
        "dataset", "split", "partition", "size_px", "dataset_fingerprint", "mask_source", "target_box_source",
        "leakage", "target", "target_hash", "mask", "mask_hash",
    ),
    "images": ("origin", "imported", "generated", "generated_hash"),
    "method": (
        "method", "parameters", "preset", "overrides", "privileged", "ranked", "settled", "scene_only", "remarks",
    ),
    "weights": ("weights", "given_weights"),
    "budget": ("budget", "seed", "train_pair_list_hash", "parts"),
    "machine": ("device", "dtype", "threads"),
    "versions": ("versions",),
    "code": ("git",),
}  # fmt: skip
"""The fields behind each cause; the most telling cause first."""

NO_CAUSES = ("schema_version", "title", "metrics", "by_group", "pairs", "durations_s", "command", "created", "cost")
"""Fields that explain no number: what was measured, what it took, and names made of other fields."""

KEYS = ("cell_key", "score_key", "training_key")
"""Fields made of other fields, and of the method's version and schedule, which no other field tells."""

_UPSTREAM = ("pairs", "data", "images", "method", "weights", "budget")
_SECONDS = "seconds"
_OTHER = "other"
# the place of files whose content is hashed beside it
_HASHED = {
    "target": "target_hash",
    "mask": "mask_hash",
    "generated": "generated_hash",
    "imported.folder": "imported.images_sha256",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")


class MetricRow(_Frozen):
    """A metric in both records; null where a record lacks it, and the reason where it was skipped."""

    key: str
    a: float | None
    b: float | None
    difference: float | None = Field(description="b - a; null where one lacks or it is not defined")
    small: bool = Field(description="a distance between sets too small for it, in one of them or both")
    skipped: str = Field("", description="why a record lacks it")


class Difference(_Frozen):
    """What differs, by the path of the field, and both values as recorded; null where nothing was."""

    what: str
    a: Any
    b: Any


class Cause(_Frozen):
    """What of one kind differs. remark: what to know of it, a sentence, or nothing."""

    name: str
    differences: tuple[Difference, ...]
    remark: str = ""


class Same(_Frozen):
    """A cause that does not apply. value: what both records say, of its first field."""

    name: str
    value: Any


class Diff(_Frozen):
    """Two records side by side. a, b: their files. causes: in the order of `CAUSES`. conclusion: in a sentence."""

    a: str
    b: str
    metrics: tuple[MetricRow, ...]
    causes: tuple[Cause, ...]
    same: tuple[Same, ...]
    conclusion: str


def find_record(path: Path) -> Path:
    """The record at `path`: a file, or a cell's folder that holds one. UserError for none and for several."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"there is no record {path}; `bench status` names a results folder's cells")
    found = sorted(path.glob("record-*.json"))
    if not found:
        raise UserError(f"{path} holds no record-*.json: it is no cell's folder, or nothing was recorded there yet")
    if len(found) > 1:
        raise UserError(f"{path} holds {len(found)} records; name one of: {', '.join(map(str, found))}")
    return found[0]


def diff(a: Path, b: Path) -> Diff:
    """Compare the records at two paths. UserError as `find_record`, and for what is no record of this schema."""
    paths = find_record(a), find_record(b)
    first, second = (read_any_record(path) for path in paths)
    metrics = _metric_rows(first, second)
    causes, same = _explained(first, second, paths)
    return Diff(
        a=str(paths[0]),
        b=str(paths[1]),
        metrics=metrics,
        causes=causes,
        same=same,
        conclusion=_conclusion(metrics, causes, (first, second)),
    )


def _metric_rows(a: AnyRecord, b: AnyRecord) -> tuple[MetricRow, ...]:
    """The metrics of either record, in the registry's order."""
    keys = dict.fromkeys((*a.metrics, *b.metrics))
    order = {key: place for place, key in enumerate(METRICS)}
    rows = []
    for key in sorted(keys, key=lambda key: order.get(key, len(order))):
        values = [record.metrics.get(key) for record in (a, b)]
        first, second = (None if value is None else value.mean for value in values)
        rows.append(
            MetricRow(
                key=key,
                a=first,
                b=second,
                difference=_subtracted(first, second),
                small=any(value is not None and value.small for value in values),
                skipped=a.skipped.get(key) or b.skipped.get(key) or "",
            )
        )
    return tuple(rows)


def _subtracted(a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    difference = b - a
    return None if math.isnan(difference) else difference


def _explained(a: AnyRecord, b: AnyRecord, paths: Sequence[Path]) -> tuple[tuple[Cause, ...], tuple[Same, ...]]:
    """What differs and what does not. Only fields that both kinds of record have are compared."""
    shared = [name for name in type(a).model_fields if name in type(b).model_fields]
    values = [dict(_flat(record.model_dump(mode="json", include=set(shared)))) for record in (a, b)]
    causes, same = [], []
    if type(a) is not type(b):
        kinds = ["a cell" if isinstance(record, Record) else "two folders" for record in (a, b)]
        causes.append(
            Cause(
                name="kind of record",
                differences=(Difference(what="record of", a=kinds[0], b=kinds[1]),),
                remark="Pairs, data, method and training of a cell are not recorded for two folders, or otherwise.",
            )
        )
    for name, fields in {**CAUSES, _OTHER: _unassigned(shared)}.items():
        cause = _cause(name, fields, values)
        if name == "protocol":
            cause = _with_constants(cause, (a, b), paths)
        elif name == "pairs":
            cause = cause.model_copy(update={"differences": (*cause.differences, *_counts(a, b))})
        if cause.differences:
            causes.append(cause)
        else:
            known = (path for field in fields for path in values[0] if _within(path, field))
            first = next(known, None)
            same += [Same(name=name, value=values[0][first])] if first is not None else []
    if not {cause.name for cause in causes} & {*_UPSTREAM, "kind of record"}:
        causes += _by_key_alone(values)
    return tuple(causes), tuple(same)


def _unassigned(fields: Sequence[str]) -> tuple[str, ...]:
    """Fields of the record that stand in no list above: those of a newer version."""
    assigned = {name for names in CAUSES.values() for name in names} | {*NO_CAUSES, *KEYS}
    return tuple(field for field in fields if field not in assigned)


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value of plain data by its dotted path; null is nothing recorded. Lists of plain values stay whole."""
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        value = {str(place): item for place, item in enumerate(value)}
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif value is not None and value != []:
        yield path, value


def _within(path: str, field: str) -> bool:
    return path == field or path.startswith(f"{field}.")


def _cause(name: str, fields: Sequence[str], values: Sequence[Mapping[str, object]]) -> Cause:
    differences = []
    for field in fields:
        for path in dict.fromkeys(path for side in values for path in side if _within(path, field)):
            a, b = (side.get(path) for side in values)
            if a != b and _tells(path, values):
                differences.append(Difference(what=path, a=a, b=b))
    return Cause(name=name, differences=tuple(differences))


def _tells(path: str, values: Sequence[Mapping[str, object]]) -> bool:
    """Whether a difference at `path` may explain a number: seconds, a part's key, and a place whose content is equal
    do not."""
    last = path.rpartition(".")[2]
    if last in (_SECONDS, *KEYS):
        return False
    hashed = _HASHED.get(path)
    return hashed is None or values[0].get(hashed) != values[1].get(hashed)


def _counts(a: AnyRecord, b: AnyRecord) -> list[Difference]:
    """Metrics that were made of another number of pairs or images, where that does not follow from `n`."""
    if a.n != b.n:
        return []
    both = [key for key in a.metrics if key in b.metrics and a.metrics[key].n != b.metrics[key].n]
    return [Difference(what=f"metrics.{key}.n", a=a.metrics[key].n, b=b.metrics[key].n) for key in both]


def _with_constants(cause: Cause, records: Sequence[AnyRecord], paths: Sequence[Path]) -> Cause:
    """The protocol's cause with the constants that differ, where both protocols are still at hand as they were."""
    if records[0].protocol_hash == records[1].protocol_hash:
        return cause
    found = [_constants(record, path) for record, path in zip(records, paths, strict=True)]
    gone = [name for name, constants in zip("AB", found, strict=True) if constants is None]
    remark = "A difference under two protocols is no gain of a method."
    if gone:
        remark += (
            f" Which constants differ cannot be told: the protocol of {' and '.join(gone)} is not at hand as it was "
            "(another hash, or another place)."
        )
        return cause.model_copy(update={"remark": remark})
    a, b = found
    changed = [
        Difference(what=path, a=a.get(path), b=b.get(path))
        for path in dict.fromkeys((*a, *b))
        if path not in ("name", "title") and a.get(path) != b.get(path)
    ]
    return cause.model_copy(update={"differences": (*cause.differences, *changed), "remark": remark})


def _constants(record: AnyRecord, path: Path) -> dict[str, object] | None:
    """The constants that the record was made with, by path: kept beside a cell's scores, else of the shipped protocol.

    None where neither is the record's.
    """
    if isinstance(record, Record):
        side = store.read_json(store.scores_path(path.parent, record.protocol).with_suffix(".json"))
        if side.get("score_key") == record.score_key and "protocol" in side:
            return dict(_flat(side["protocol"]))
    try:
        protocol = load_protocol(record.protocol)
    except UserError:
        return None
    return dict(_flat(protocol.model_dump(mode="json"))) if protocol.hash == record.protocol_hash else None


def _by_key_alone(values: Sequence[Mapping[str, object]]) -> list[Cause]:
    """The cause of keys that differ where nothing they are made of and the record spells out does."""
    differences = _keys_that_differ(values)
    if not differences:
        return []
    remark = (
        "The keys differ and nothing the record spells out does: the method's version, or its schedule (a preset of "
        "the same name with other numbers); both folders' spec.yaml tell."
    )
    return [Cause(name="keys", differences=differences, remark=remark)]


def _keys_that_differ(values: Sequence[Mapping[str, object]]) -> tuple[Difference, ...]:
    names = [name for name in KEYS if name != "score_key"]
    pairs = [(name, *(side.get(name) for side in values)) for name in names]
    return tuple(Difference(what=name, a=a, b=b) for name, a, b in pairs if a != b)


def _conclusion(metrics: Sequence[MetricRow], causes: Sequence[Cause], records: Sequence[AnyRecord]) -> str:
    equal = all(row.difference == 0 or row.a is row.b is None for row in metrics)
    if causes:
        return "What differs changed no number." if equal else ""
    if equal:
        return "Nothing recorded differs, and the numbers are equal."
    code = "" if all(record.git for record in records) else ", the state of the code (there was no git checkout)"
    return (
        "Nothing recorded differs, and the numbers do. Not recorded are the machine beyond the device's name and the "
        f"libraries below the packages, the pixels that a decoder made of the data, environment variables{code}."
    )
