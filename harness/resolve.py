"""From a request to a plan: keys, what is cached, what is to do, what is blocked and why. No torch, no decoding."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from harness import datasets, given_weights, keys, provenance, store
from harness.assets import asset
from harness.controls import CONTROL_CARDS, USES_TRAINING_FRAMES
from harness.datasets.base import Dataset
from harness.errors import UserError, unknown
from harness.metrics.protocol import load_protocol
from harness.pairs import PairList
from harness.plan import POLICIES, Cell, Plan, RunRequest, Status, Training, needed_assets
from harness.presets import Preset, Schedule, load_preset
from harness.records import Leakage
from harness.specs import CellSpec, TrainingSpec
from harness.store import Store
from harness.weights import WeightStore
from methods import registry
from methods.card import MethodCard, supports


def load_plugins(paths: tuple[Path, ...]) -> None:
    """Register the methods of plugin files. UserError for a file that is none."""
    for path in paths:
        try:
            registry.load_plugin(path)
        except (OSError, registry.NotAPlugin) as error:
            raise UserError(str(error)) from error
        except (Exception, SystemExit) as error:
            raise UserError(f"plugin {path} cannot be imported: {type(error).__name__}: {error}") from error


def all_cards() -> dict[str, MethodCard]:
    """The cards of controls and methods, by name."""
    return {**registry.cards(), **CONTROL_CARDS}


def parameters_of(card: MethodCard, preset: Preset) -> dict[str, object]:
    """A method's parameters under a preset. UserError for a parameter the card does not list or of another type."""
    entry = preset.methods.get(card.name)
    try:
        return registry.resolve_parameters(card, entry.parameters if entry else {})
    except (LookupError, ValueError) as error:
        raise UserError(f"preset {preset.name}: {error}") from error


def _checked_cards(request: RunRequest) -> dict[str, MethodCard]:
    """All cards, once everything in the request is known that needs neither preset nor dataset."""
    if request.policy not in POLICIES:
        raise unknown("policy", request.policy, POLICIES)
    load_plugins(request.plugins)
    cards = all_cards()
    if not request.methods:
        raise UserError(f"--methods names no method. Valid: {', '.join(sorted(cards))}")
    for name in request.methods:
        if name not in cards:
            raise unknown("method", name, cards)
    for override in request.overrides:
        # a preset may hold schedules of methods that are not installed here; an override is meant for one that is
        section, *rest = override.partition("=")[0].split(".")
        if section == "methods" and rest and rest[0] not in cards:
            raise UserError(f"--set {override!r}: {unknown('method', rest[0], cards)}")
    return cards


def _dataset_of(request: RunRequest) -> Dataset:
    dataset = datasets.get(request.dataset, request.data_root, request.masks, request.weights_dir)
    if request.data_root is not None and not request.data_root.is_dir():
        raise UserError(
            f"--data-root {request.data_root} is no folder. Name the one that holds {dataset.name}/, or run: "
            f"{dataset.fetch_command}"
        )
    return dataset


def resolve(request: RunRequest) -> Plan:
    """Resolve a request against the store. UserError for unknown names and values; starts nothing, decodes nothing."""
    cards = _checked_cards(request)
    plan = ground(request)
    resolver = _Resolver(plan)
    cells = [cell for name in dict.fromkeys(request.methods) for cell in resolver.cells(cards[name])]
    plan = replace(plan, cells=tuple(cells))
    return replace(plan, missing=_missing(plan))


def ground(request: RunRequest) -> Plan:
    """What a request's cells will stand on: dataset, pairs, size and protocol, with no cell yet. UserError as above."""
    if request.results.exists() and not request.results.is_dir():
        raise UserError(f"--results {request.results} is a file; a results folder, or the name of a new one, is needed")
    protocol = load_protocol(request.protocol)
    dataset = _dataset_of(request)
    preset = fitted(load_preset(request.preset, request.overrides), dataset)
    split = request.split or dataset.default_split
    if request.pairs is None:
        test = dataset.pair_list(split, "test", preset.size_px)
    else:
        test = given_pairs(request.pairs, dataset, split)
    plan = Plan(
        request=request,
        results=Store(request.results),
        dataset=dataset,
        info=dataset.info(preset.size_px),
        split=split,
        preset=preset,
        protocol=protocol,
        train=dataset.pair_list(split, "train", preset.size_px),
        test=test if request.limit is None else test.limit(request.limit),
        cells=(),
    )
    for part, pair_list in (("train", plan.train), ("test", plan.test)):
        if not len(pair_list):
            raise UserError(f"split {split} of {dataset.name} has no {part} pair; run: bench data check {dataset.name}")
    return plan


def shared_fields(plan: Plan) -> dict[str, object]:
    """What every spec of the plan says of data and machine."""
    return {
        "plugins": tuple(str(path.absolute()) for path in plan.request.plugins),
        "dataset": plan.dataset.name,
        "data_root": _absolute(plan.request.data_root),
        "masks": plan.dataset.masks,
        "weights_dir": _absolute(plan.request.weights_dir),
        "split": plan.split,
        "size_px": plan.preset.size_px,
        "dataset_fingerprint": plan.dataset.fingerprint(plan.preset.size_px),
        "threads": provenance.cpu_threads(),
    }


def protocol_fields(plan: Plan, cell_key: str) -> dict[str, object]:
    """What the spec of a cell of that key says of the protocol."""
    path_given = plan.request.protocol.endswith((".yaml", ".yml"))
    return {
        "protocol": str(Path(plan.request.protocol).absolute()) if path_given else plan.request.protocol,
        "protocol_name": plan.protocol.name,
        "protocol_hash": plan.protocol.hash,
        "score_key": keys.score_key(cell_key, plan.protocol.hash),
    }


def leakage(plan: Plan) -> tuple[Leakage, ...]:
    """What the partitions of the plan's split share."""
    return tuple(Leakage(**asdict(shared)) for shared in plan.overlaps())


def fitted(preset: Preset, dataset: Dataset) -> Preset:
    """The preset at the dataset's own shape: its square size names the height."""
    return preset.model_copy(update={"size_px": dataset.fitted(preset.size_px)})


def given_pairs(path: Path, dataset: Dataset, split: str) -> PairList:
    """A pair list of the user's, to test on. UserError for one that is damaged, of another dataset or split, that names
    frames the dataset does not have, or frames that the split trains on."""
    pairs = PairList.read(path)
    if (pairs.dataset, pairs.split) != (dataset.name, split):
        raise UserError(
            f"{path} is a list of {pairs.dataset}, split {pairs.split}; asked for was {dataset.name}, split {split}"
        )
    parts = dataset.partitions(split)
    # a split whose own test frames it trains on may be tested as it is: the leakage is recorded
    known, trained = set(dataset.frame_ids()), set(parts.train) - set(parts.test)
    absent = [frame for frame in pairs.frame_ids if frame not in known]
    if absent:
        example = dataset.frame_ids()[0]
        raise UserError(
            f"{path} names {len(absent)} frames that {dataset.name} does not have, such as {absent[0]}; a frame is "
            f"called like {example}. Write a list with: bench data pairs {dataset.name} --split {split}"
        )
    seen = [frame for frame in pairs.frame_ids if frame in trained]
    if seen:
        raise UserError(
            f"{path} names {len(seen)} frames that split {split} trains on, such as {seen[0]}: nothing is tested on "
            "what was trained on"
        )
    return pairs


class _Resolver:
    """Makes the cells of one plan."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._always = plan.request.policy == "always"
        self._given = given_weights.parse(plan.request.weights, plan.request.methods)
        self._leakage = leakage(plan)
        self._common = shared_fields(plan)
        self._fingerprint = self._common["dataset_fingerprint"]

    def cells(self, card: MethodCard) -> list[Cell]:
        """One cell a seed of a method that learns; one of any other."""
        trains = card.learns and card.name not in self._given
        if card.name in self._given and not card.learns:
            raise UserError(f"--weights names a file for {card.name}, which does not learn")
        seeds = tuple(dict.fromkeys(self._plan.request.seeds)) if trains else (None,)
        if not card.seeded:
            seeds = seeds[:1]
        fits, reason = supports(card, self._plan.info)
        if not fits:
            return [Cell(card.name, seed, Status.BLOCKED, reason) for seed in seeds]
        return [self._cell(card, seed) for seed in seeds]

    def _training(self, card: MethodCard, seed: int) -> Training:
        preset = self._plan.preset
        parameters = parameters_of(card, preset)
        _, schedule = preset.for_method(card.name)
        assets = {name: asset(name).sha256 for name in card.assets(parameters)}
        checked = Schedule(**vars(schedule))
        key = keys.training_key(
            method=card.name,
            card_version=card.version,
            parameters=parameters,
            dataset_fingerprint=self._fingerprint,
            split=self._plan.split,
            train_pair_list_hash=self._plan.train.hash,
            size_px=preset.size_px,
            schedule=checked.model_dump(),
            precision=preset.precision,
            seed=seed,
            assets=assets,
        )
        spec = TrainingSpec(
            **self._common,
            key=key,
            method=card.name,
            parameters=parameters,
            card_version=card.version,
            train_pair_list_hash=self._plan.train.hash,
            schedule=checked,
            precision=preset.precision,
            seed=seed,
            assets=assets,
        )
        folder = self._plan.results.model_folder(card.name, key)
        done = (folder / store.DONE).is_file() and not self._always
        return Training(spec, folder, Status.CACHED if done else Status.TO_DO)

    def _cell(self, card: MethodCard, seed: int | None) -> Cell:
        training = None if seed is None else self._training(card, seed)
        spec = self._cell_spec(card, training)
        folder = self._plan.results.cell_folder(self._plan.dataset.name, card.name, spec.key)
        stages = self._stages(folder, spec)
        return Cell(
            method=card.name,
            seed=seed,
            status=Status.TO_DO if stages else Status.CACHED,
            stages=stages,
            spec=spec,
            folder=folder,
            training=training if "images" in stages else None,
        )

    def _cell_spec(self, card: MethodCard, training: Training | None) -> CellSpec:
        plan = self._plan
        looks = training is not None or card.name in USES_TRAINING_FRAMES
        seen = plan.train.hash if looks else None
        given, entry = self._given.get(card.name), plan.preset.methods.get(card.name)
        parameters = parameters_of(card, plan.preset)
        identity = {"method": card.name, "card_version": card.version, "parameters": parameters}
        if training:
            source = training.spec.key
        elif given:
            source = keys.given_key(**identity, weights_sha256=given.sha256)
        else:
            source = keys.source_key(**identity, train_pair_list_hash=seen)
        key = keys.cell_key(
            source=source,
            dataset=plan.dataset.name,
            split=plan.split,
            preset=plan.preset.name if training else None,
            test_pair_list_hash=plan.test.hash,
            dataset_fingerprint=self._fingerprint,
            size_px=plan.preset.size_px,
        )
        scoring = {name: asset(name).sha256 for name in plan.protocol.assets()}
        masks = {name: asset(name).sha256 for name in plan.dataset.assets}
        return CellSpec(
            **self._common,
            **protocol_fields(plan, key),
            key=key,
            method=card.name,
            parameters=parameters,
            control=card.name in CONTROL_CARDS,
            title=card.title,
            privileged=card.privileged,
            training_key=training.spec.key if training else None,
            given=given,
            preset=plan.preset.name if training else None,
            overrides=plan.request.overrides if training else (),
            ranked=not card.privileged and (plan.preset.ranked or training is None),
            settled=training is None or entry is None or entry.settled,
            seed=training.spec.seed if training else None,
            precision=plan.preset.precision if training else "fp32",
            pairs=plan.pairs_folder(self._fingerprint).name,
            test_pair_list_hash=plan.test.hash,
            train_pair_list_hash=seen,
            box_source=plan.info.box_source,
            leakage=self._leakage,
            assets={**masks, **(training.spec.assets if training else {}), **scoring},
            command=provenance.command_line(),
        )

    def _stages(self, folder: Path, spec: CellSpec) -> tuple[str, ...]:
        if self._always:
            return ("images", "scores", "record")
        if store.has_record(folder, spec.protocol_name, spec.score_key):
            return ()
        if store.has_scores(folder, spec.protocol_name, spec.score_key):
            return ("record",)
        if store.missing_images(folder, (pair.id for pair in self._plan.test.pairs)):
            return ("images", "scores", "record")
        return ("scores", "record")


def _missing(plan: Plan) -> tuple[str, ...]:
    """What lacks for the work to do: sources of the dataset, pretrained assets."""
    if not plan.to_do:
        return ()
    available, reason = plan.dataset.available()
    lacking = [] if available else [reason]
    wanted = needed_assets(plan)
    weights = WeightStore(extra_dir=plan.request.weights_dir)
    if weights.missing(wanted):
        try:
            weights.require(wanted)
        except UserError as error:
            lacking.append(str(error))
    return tuple(lacking)


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())
