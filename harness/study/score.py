"""What the answers say: Table V with intervals, agreement, correlations with metrics, and how long people took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.base import METRICS
from harness.published import Paper
from harness.report.claimed import PUBLISHED
from harness.report.table import TIED, Column, Row, RowGroup, Table, Value
from harness.stats import ALPHA, holm
from harness.study.design import REAL, WITH_REAL, Kind, Task
from harness.study.estimates import Gap, Share, gap, share
from harness.study.key import Key

if TYPE_CHECKING:
    import pandas

    from harness.study.answers import Reading

REAL_TITLE = "Real data"
LEAST_ITEMS = 10
"""Fewer answered images than this give no correlation."""

_LABELS = {Task.SHARPNESS: "S (sharpness)", Task.AUTHENTICITY: "Au (authenticity)", Task.ACCURACY: "Ac (accuracy)"}
_DECIMALS = 2
_P_DECIMALS = 4


Against = dict[str, tuple[Gap, float | None]]
"""By method: its difference to the best of a task, and the Holm-corrected p-value of none."""


@dataclass(frozen=True)
class Evaluation:
    """What a study's answers say, computed once for every format.

    items: the answers that count for methods. against: by task, of those with two methods or more.
    """

    key: Key
    reading: Reading
    items: pandas.DataFrame
    shares: Mapping[tuple[Task, str], Share]
    against: Mapping[Task, Against]


def evaluate(key: Key, reading: Reading) -> Evaluation:
    """The shares of all methods and tasks, and the differences to each task's best."""
    items = reading.frame[reading.frame["kind"] == Kind.ITEM.name]
    found = {task: gaps(key.titles, items, task) for task in Task}
    return Evaluation(key, reading, items, shares(items), {task: it[1] for task, it in found.items() if it})


def tables(found: Evaluation, paper: Paper | None = None) -> tuple[Table, ...]:
    """Table V first, then differences to the best, agreement and time, and correlations with metrics."""
    main = _main(found)
    if paper is not None:
        main = _with_published(main, found.key, paper)
    others = (_differences(found), _agreement(found.reading.frame), _correlations(found.key, found.items))
    return (main, *(table for table in others if table is not None))


def shares(items: pandas.DataFrame) -> dict[tuple[Task, str], Share]:
    """Share of each task's answers by method, `REAL` among them."""
    return {
        (task, method): share(found["success"].to_numpy(), found["participant"].to_numpy(), found["pair"].to_numpy())
        for task in Task
        for method, found in items[items["task"] == task.name].groupby("method", sort=True)
    }


def gaps(titles: Iterable[str], items: pandas.DataFrame, task: Task) -> tuple[str, Against] | None:
    """The best method of a task, and every other's difference to it with its Holm-corrected p; None for one method."""
    asked = items[(items["task"] == task.name) & (items["method"] != REAL)]
    means = asked.groupby("method")["success"].mean()
    methods = [method for method in titles if method in means.index]
    if len(methods) < 2:
        return None
    best = max(methods, key=lambda method: means[method])
    found = {}
    for method in methods:
        if method != best:
            both = asked[asked["method"].isin((method, best))]
            found[method] = gap(
                both["success"].to_numpy(), (both["method"] == method).to_numpy(),
                both["participant"].to_numpy(), both["pair"].to_numpy(),
            )  # fmt: skip
    corrected = holm([it.p for it in found.values()])
    return best, {method: (it, p) for (method, it), p in zip(found.items(), corrected, strict=True)}


def _main(found: Evaluation) -> Table:
    from harness.report.build import finished

    key = found.key
    tied = {
        (task, method)
        for task, against in found.against.items()
        for method, (_, p) in against.items()
        if p is not None and p >= ALPHA
    }
    columns = tuple(
        Column(f"study_{task.name.lower()}", _LABELS[task], True, _DECIMALS, headline=True) for task in Task
    )
    rows = [
        _row(
            key.titles[method],
            method,
            RowGroup.RANKED,
            tuple(_value(found.shares.get((task, method))) for task in Task),
        )
        for method in key.titles
    ]
    real = tuple(_value(found.shares.get((task, REAL))) if task in WITH_REAL else None for task in Task)
    rows.append(_row(REAL_TITLE, REAL, RowGroup.PRIVILEGED, real))
    table = finished(Table(f"User study · {key.comparison}", columns, tuple(rows), footer=_footer(found)))
    marked = tuple(
        replace(row, values=tuple(
            replace(value, tied=(task, row.method) in tied) if value else None
            for task, value in zip(Task, row.values, strict=True)
        ))
        for row in table.rows
    )  # fmt: skip
    return replace(table, rows=marked, legend=_legend())


def _legend() -> tuple[str, ...]:
    return (
        "Bold: best, underlined: second, among the methods. [low, high]: 95 % interval over participants and images.",
        f"{TIED}: not distinguishable from the best of its column (t test over people and images, Holm-corrected "
        f"p ≥ {ALPHA}).",
        "S: share of yes to whether the picture is clear. Au: share of answers that take the real picture as fake; "
        "0.5 where nobody can tell. Ac: share of yes to whether the pose is the target's.",
        f"{REAL_TITLE}: targets; in Au beside another real picture of the same person.",
    )


def _footer(found: Evaluation) -> tuple[str, ...]:
    key, reading, frame = found.key, found.reading, found.reading.frame
    people = frame["participant"].nunique()
    refused = "; ".join(f"{name}: {reason}" for name, reason in reading.refused.items())
    remarks = "; ".join(f"{name}: {words}" for name, words in reading.remarks.items())
    lines = [
        ("Participants", f"{people} of {len(key.participants)}, {len(frame):,} answers"),
        ("Images", f"{frame['pair'].nunique()} pairs of {key.dataset}, list {key.pair_list_hash[:12]}"),
        ("Study", f"{key.study}, seed {key.seed}"),
        ("Left out", refused),
        ("Remarks", remarks),
    ]
    return tuple(f"{name}: {words}" for name, words in lines if words)


def _row(title: str, method: str, group: RowGroup, values: tuple[Value | None, ...]) -> Row:
    return Row(group, method, title, "", (), 0, 0, values)


def _value(found: Share | None) -> Value | None:
    return Value(found.mean, found.low, found.high, n=found.n) if found else None


def _with_published(table: Table, key: Key, paper: Paper) -> Table:
    """The table with the paper's numbers on the same dataset beside ours; as it is where the paper has none."""
    dataset = key.dataset.removeprefix("prepared-")
    columns, values = [], [[] for _ in table.rows]
    for place, task in enumerate(Task):
        cells = [
            paper.cell(row.method if row.method != REAL else paper.truth, dataset, task.value) for row in table.rows
        ]
        columns.append(table.columns[place])
        if any(cells):
            columns.append(
                Column(f"study_{task.name.lower()}_claimed", task.value, None, _DECIMALS, PUBLISHED, ranked=False)
            )
        for row, cell, kept in zip(table.rows, cells, values, strict=True):
            kept.append(row.values[place])
            if any(cells):
                kept.append(Value(cell.value) if cell else None)
    if len(columns) == len(table.columns):
        return table
    note = f"{PUBLISHED} as printed in {paper.source}: other images, other people, never ranked."
    rows = tuple(replace(row, values=tuple(kept)) for row, kept in zip(table.rows, values, strict=True))
    return replace(table, columns=tuple(columns), rows=rows, legend=(*table.legend, note))


def _differences(found: Evaluation) -> Table | None:
    """Every method's difference to the best of each task."""
    if not found.against:
        return None
    titles = found.key.titles
    columns, values = [], {method: [] for method in titles}
    for task, against in found.against.items():
        columns += [
            Column(f"study_{task.name.lower()}_to_best", "to the best", None, _DECIMALS, _LABELS[task], False, True),
            Column(f"study_{task.name.lower()}_p", "p", None, _P_DECIMALS, _LABELS[task], ranked=False),
        ]
        for method, kept in values.items():
            it, p = against.get(method, (None, None))
            kept += [Value(it.mean, it.low, it.high) if it else None, None if p is None else Value(p)]
    rows = tuple(_row(titles[method], method, RowGroup.RANKED, tuple(kept)) for method, kept in values.items())
    legend = (
        "To the best: difference to the best method of the task; —: the best itself. p: Holm-corrected for the task."
    )
    return Table("Differences", tuple(columns), rows, (legend,))


def _agreement(frame: pandas.DataFrame) -> Table:
    """Per task: Krippendorff's alpha between participants, how often a repeated question got the same answer, time."""
    columns = (
        Column("alpha", "Krippendorff's alpha", None, _DECIMALS, ranked=False),
        Column("repeated", "same answer again", None, _DECIMALS, ranked=False),
        Column("checks", "checks passed", None, _DECIMALS, ranked=False),
        Column("seconds", "median time (s)", None, 1, ranked=False),
    )
    rows = []
    for task in Task:
        asked = frame[frame["task"] == task.name]
        items = asked[asked["kind"] == Kind.ITEM.name]
        checks = asked.loc[asked["kind"] == Kind.CHECK.name, "success"]
        numbers = (alpha(items), _repeated(asked), checks.mean(), items["ms"].median() / 1000)
        values = tuple(None if number is None or math.isnan(number) else Value(float(number)) for number in numbers)
        rows.append(_row(_LABELS[task], task.name.lower(), RowGroup.RANKED, values))
    legend = (
        "Krippendorff's alpha: 1 for full agreement about an image of a method, 0 for what chance gives.",
        "Same answer again: of questions that came twice. Times are those of the questions that count.",
    )
    return Table("Agreement and time", columns, tuple(rows), legend, stub=("Task",))


def alpha(items: pandas.DataFrame) -> float | None:
    """Krippendorff's alpha of nominal answers; None where no image of a method has two, or all answers are alike."""
    import krippendorff

    table = items.pivot_table(index="participant", columns=["pair", "method"], values="success", aggfunc="first")
    counted = table.notna().sum()
    table = table.loc[:, counted[counted > 1].index].to_numpy(dtype=np.float64)
    if not table.size or len(np.unique(table[~np.isnan(table)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))


def _repeated(asked: pandas.DataFrame) -> float | None:
    sides = ["participant", "pair", "method"]
    first = asked[asked["kind"] == Kind.ITEM.name].set_index(sides)["success"]
    again = asked[asked["kind"] == Kind.REPEAT.name].set_index(sides)["success"]
    both = first.to_frame("first").join(again.to_frame("again"), how="inner")
    return float((both["first"] == both["again"]).mean()) if len(both) else None


def _correlations(key: Key, items: pandas.DataFrame) -> Table | None:
    """Spearman's rank correlation of each stored metric with the answers, over images of methods and over methods."""
    columns = [
        Column(f"study_{task.name.lower()}_{over}", words, None, _DECIMALS, _LABELS[task], ranked=False)
        for task in Task
        for over, words in (("images", "images"), ("methods", "methods"))
    ]
    rows = []
    for metric, by_method in key.metrics.items():
        info = METRICS[metric]
        values: list[Value | None] = []
        for task in Task:
            values += [_correlation(pairs, info.higher_is_better) for pairs in _answered(items, task, by_method)]
        if any(values):
            rows.append(_row(info.label, metric, RowGroup.RANKED, tuple(values)))
    if not rows:
        return None
    legend = (
        "Spearman's rank correlation of a metric with the answers; positive: what the metric calls better, people do.",
        "Images: over every image of every method that was asked about. Methods: over their few means.",
    )
    return Table("Metrics and people", tuple(columns), tuple(rows), legend, stub=("Metric",))


def _answered(items: pandas.DataFrame, task: Task, by_method: dict) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) metric and mean answer: of each image of a method, and of each method."""
    asked = items[(items["task"] == task.name) & (items["method"] != REAL)]
    means = asked.groupby(["method", "pair"])["success"].mean()
    found = [
        (method, by_method[method][pair], answer)
        for (method, pair), answer in means.items()
        if pair in by_method.get(method, {})
    ]
    images = np.array([(value, answer) for _, value, answer in found], dtype=np.float64).reshape(-1, 2)
    names = sorted({method for method, _, _ in found})
    whole = [np.mean([it[1:] for it in found if it[0] == name], axis=0) for name in names]
    return images if len(images) >= LEAST_ITEMS else images[:0], np.array(whole, dtype=np.float64).reshape(-1, 2)


def _correlation(pairs: np.ndarray, higher_is_better: bool) -> Value | None:
    """None where there are fewer than three, or one side is constant."""
    if len(pairs) < 3 or (pairs == pairs[0]).all(axis=0).any():
        return None
    from scipy.stats import spearmanr

    found = float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
    return Value(found if higher_is_better else -found, n=len(pairs))


def as_csv(found: Evaluation) -> str:
    """Table V in full precision: a row a task and method."""
    import pandas

    rows = [
        {
            "task": task.name.lower(), "method": method, "title": found.key.titles.get(method, REAL_TITLE),
            "answers": it.n, "share": it.mean, "low": it.low, "high": it.high,
            "p_to_best": found.against.get(task, {}).get(method, (None, None))[1],
        }
        for (task, method), it in found.shares.items()
    ]  # fmt: skip
    return pandas.DataFrame(rows).to_csv(index=False, lineterminator="\n")
