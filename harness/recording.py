"""From a cell's scores to its record: means, intervals, budget and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import provenance, stopwatch, store
from harness.errors import CellFailed
from harness.metrics.base import SetValue
from harness.records import UNVERIFIED, Budget, Cost, Imported, MetricValue, PartRecord, Record
from harness.specs import CellSpec, TrainingSpec, read_spec
from harness.stats import group_interval
from mrnet import files

if TYPE_CHECKING:
    import pandas

MODEL_FACTS = "model.json"
"""What a cell keeps of its model's training, so that its record can be made when the model is gone."""

COST = "cost.json"
"""What a cell keeps of what its method's synthesis cost."""

IMPORTED = "imported.json"
"""What a cell keeps of where its images come from, if they were made elsewhere."""


def keep_model_facts(folder: Path, results: store.Store, spec: CellSpec) -> None:
    """Copy what the record will say of the cell's models into its folder, by part."""
    facts = {}
    for trained in spec.trained:
        model = results.model_folder(trained.method, trained.key)
        facts[trained.part] = {**store.read_json(model / store.DONE), "tuning_trials": tuning_trials(results, model)}
    if facts:
        files.write_text(folder / MODEL_FACTS, json.dumps(facts, indent=1))


def _models(folder: Path, spec: CellSpec) -> dict[str, dict]:
    """What was kept of each of the cell's models, the first part's first. CellFailed where it is missing."""
    kept = store.read_json(folder / MODEL_FACTS)
    lacking = [trained.part for trained in spec.trained if trained.part not in kept]
    if lacking:
        raise CellFailed(
            f"{folder / MODEL_FACTS} says nothing of {', '.join(lacking)}; remove {folder / 'images'} and run again"
        )
    return {trained.part: kept[trained.part] for trained in spec.trained}


def _budget(model: Mapping[str, object]) -> Budget:
    return Budget(**{name: model[name] for name in Budget.model_fields})


def has_cost(folder: Path) -> bool:
    """Whether the cell keeps what its method's synthesis cost."""
    return (folder / COST).is_file()


def keep_cost(folder: Path, cost: Cost) -> None:
    """Write what the record will say of the synthesis's cost into the cell's folder."""
    files.write_text(folder / COST, cost.model_dump_json(indent=1))


def _cost(folder: Path) -> Cost | None:
    facts = store.read_json(folder / COST)
    return Cost.model_validate(facts) if facts else None


def keep_imported(folder: Path, imported: Imported) -> None:
    """Write what the record will say of images made elsewhere into the cell's folder."""
    files.write_text(folder / IMPORTED, imported.model_dump_json(indent=1))


def imported_facts(folder: Path, spec: CellSpec) -> Imported | None:
    """What `keep_imported` wrote; None for a cell whose images were made here."""
    if spec.imported is None:
        return None
    facts = store.read_json(folder / IMPORTED)
    if not facts:
        raise CellFailed(f"{folder / IMPORTED} is missing; run the same `bench import` again")
    return Imported.model_validate(facts)


def _origin(spec: CellSpec) -> str:
    if spec.imported is not None:
        return UNVERIFIED
    return spec.given.origin if spec.given else "ours"


def tuning_trials(results: store.Store, model: Path) -> int:
    """Finished trainings in the store of the same method, data and size with other parameters or another schedule."""
    mine = read_spec(model / store.SPEC)

    def task(spec: TrainingSpec) -> tuple[object, ...]:
        return spec.method, spec.view, spec.dataset_fingerprint, spec.train_pair_list_hash, spec.size_px

    def choice(spec: TrainingSpec) -> str:
        return repr((sorted(spec.parameters.items()), spec.schedule, spec.precision))

    others = [read_spec(path.parent / store.SPEC) for path in results.root.glob(f"models/{mine.method}-*/{store.DONE}")]
    return len({choice(other) for other in others if task(other) == task(mine)} - {choice(mine)})


def metric_values(pairs: pandas.DataFrame, sets: Mapping[str, SetValue]) -> dict[str, MetricValue]:
    """Every metric over a set: mean and interval over groups of each pair metric's column, then the set metrics.

    Pairs a metric does not apply to are left out of its `n`.
    """
    values = {}
    for key in pairs.columns.drop(["pair", "group"]):
        there = pairs[pairs[key].notna()]
        if len(there):
            interval = group_interval(there[key].to_numpy(dtype=np.float64), there["group"].to_numpy(dtype=str))
            values[key] = MetricValue(**interval._asdict(), n=len(there))
    for key, value in sets.items():
        values[key] = MetricValue(mean=value.value, std=value.std, n=value.n, small=value.marked_small)
    return values


def group_means(pairs: pandas.DataFrame) -> dict[str, dict[str, float]]:
    """Mean of every pair metric, by group."""
    keys = pairs.columns.drop(["pair", "group"])
    return {
        str(group): {key: float(rows[key].mean()) for key in keys if rows[key].notna().any()}
        for group, rows in pairs.groupby("group", sort=True)
    }


def record(folder: Path, spec: CellSpec) -> Record:
    """The record of a cell whose scores lie in `folder`."""
    import pandas

    path = store.scores_path(folder, spec.protocol_name)
    pairs, side = pandas.read_parquet(path), store.read_json(path.with_suffix(".json"))
    sets = {key: SetValue(**value) for key, value in side["sets"].items()}
    durations = {**stopwatch.seconds(folder), "score": side["seconds"]}
    imported = imported_facts(folder, spec)
    budget, device, dtype = None, provenance.device(), spec.precision
    models = _models(folder, spec)
    if models:
        first = next(iter(models.values()))
        budget, device, dtype = _budget(first), first["device"], first["dtype"]
        durations["train"] = sum(model["seconds"] for model in models.values())
    return Record(
        method=spec.method,
        title=spec.title,
        parameters=spec.parameters,
        dataset=spec.dataset,
        split=spec.split,
        partition=spec.partition,
        size_px=spec.size_px,
        preset=spec.preset,
        overrides=spec.overrides,
        seed=spec.seed,
        protocol=spec.protocol_name,
        protocol_hash=spec.protocol_hash,
        n=len(pairs),
        missing=imported.lacking if imported else 0,
        metrics=metric_values(pairs, sets),
        skipped=side["skipped"],
        by_group=group_means(pairs),
        pair_list_hash=spec.test_pair_list_hash,
        leakage=spec.leakage,
        mask_source=spec.masks,
        pairs=spec.pairs,
        train_pair_list_hash=spec.train_pair_list_hash,
        dataset_fingerprint=spec.dataset_fingerprint,
        weights=spec.assets,
        target_box_source=spec.box_source,
        cost=_cost(folder),
        budget=budget,
        training_key=spec.trained[0].key if spec.trained else None,
        parts={
            trained.part: PartRecord(training_key=trained.key, budget=_budget(models[trained.part]))
            for trained in (spec.trained if len(spec.trained) > 1 else ())
        },
        given_weights=spec.given.sha256 if spec.given else None,
        imported=imported,
        cell_key=spec.key,
        score_key=spec.score_key,
        git=spec.git,
        versions=provenance.versions(),
        device=device,
        dtype=dtype,
        threads=spec.threads,
        durations_s=durations,
        command=spec.command,
        privileged=spec.privileged,
        ranked=spec.ranked,
        settled=spec.settled,
        scene_only=spec.scene_only,
        remarks=spec.remarks,
        origin=_origin(spec),
        created=provenance.now(),
    )
