"""From a request to a plan: keys, what is cached, what is to do, what is refused and why. No torch, no decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from harness import datasets, given_weights, keys, provenance, specs, store
from harness.assets import asset
from harness.controls import CONTROL_CARDS, USES_TRAINING_FRAMES
from harness.datasets.base import Dataset
from harness.errors import UserError, unknown
from harness.metrics.protocol import load_protocol
from harness.pairs import PairList
from harness.plan import POLICIES, Cell, Plan, RunRequest, Status, Training, needed_assets, scoring_assets
from harness.presets import Preset, Schedule, load_preset
from harness.records import Leakage
from harness.specs import CellSpec, Trained, TrainingSpec
from harness.store import Store
from harness.weights import WeightStore
from methods import registry
from methods.card import MethodCard, Part, supports


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
    """A method's parameters under a preset, a wrapper's those of its parts.

    UserError for a parameter the card does not list or of another type.
    """
    if card.parts:
        return {part.card.name: parameters_of(part.card, preset) for part in card.parts}
    entry = preset.methods.get(card.name)
    try:
        return registry.resolve_parameters(card, entry.parameters if entry else {})
    except (LookupError, ValueError) as error:
        raise UserError(f"preset {preset.name}: {error}") from error


def _checked_cards(request: RunRequest) -> list[MethodCard]:
    """The cards of the methods asked for, once all in the request is known that needs neither preset nor dataset."""
    if request.policy not in POLICIES:
        raise unknown("policy", request.policy, POLICIES)
    load_plugins(request.plugins)
    cards = all_cards()
    if not request.methods:
        raise UserError(f"--methods names no method. Valid: {', '.join(sorted(cards))}")
    for override in request.overrides:
        # a preset may hold schedules of methods that are not installed here; an override is meant for one that is
        section, *rest = override.partition("=")[0].split(".")
        if section == "methods" and rest and rest[0] not in cards:
            raise UserError(f"--set {override!r}: {unknown('method', rest[0], cards)}")
    asked = {card.name: card for card in (_card(name, cards) for name in request.methods)}
    return list(asked.values())


def _card(name: str, cards: Mapping[str, MethodCard]) -> MethodCard:
    """The card of a method, a wrapper or a control. UserError with did-you-mean."""
    if name in cards:
        return cards[name]
    if "(" not in name and ")" not in name:
        raise unknown("method", name, cards)
    try:
        return registry.card(name)
    except registry.UnknownName as error:
        raise UserError(str(error)) from error


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
    resolver = _Resolver(plan, cards)
    cells = [cell for card in cards for cell in resolver.cells(card)]
    # controls stand beside something: where all that was asked for is refused, nothing runs
    if request.controls and any(cell.status is not Status.REFUSED for cell in cells):
        beside = [card for card in CONTROL_CARDS.values() if card not in cards]
        cells += [cell for card in beside for cell in resolver.cells(card)]
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
        test = dataset.pair_list(split, request.partition, preset.size_px)
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
    for part, pair_list in (("train", plan.train), (request.partition, plan.test)):
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
    return specs.protocol_fields(plan.request.protocol, plan.protocol, cell_key)


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


def _fillable(cards: Sequence[MethodCard]) -> list[str]:
    """Names of the methods, and of the wrappers' parts, that work on whole images: a file of weights can fill them."""
    parts = [part for card in cards for part in card.parts or (Part(card),) if part.view is None]
    return list(dict.fromkeys(part.card.name for part in parts))


class _Resolver:
    """Makes the cells of one plan."""

    def __init__(self, plan: Plan, cards: Sequence[MethodCard]):
        self._plan = plan
        self._always = plan.request.policy == "always"
        self._given = given_weights.parse(plan.request.weights, _fillable(cards))
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
            return [Cell(card.name, seed, Status.REFUSED, reason) for seed in seeds]
        return [self._cell(card, seed) for seed in seeds]

    def _trainings(self, card: MethodCard, seed: int | None) -> dict[str, Training]:
        """What the method, or each part of a wrapper, learns; by the part's label."""
        if seed is None:
            return {}
        parts = [part for part in card.parts or (Part(card),) if part.card.learns and part != self._given_part(card)]
        return {part.label: self._training(part, seed) for part in parts}

    def _given_part(self, card: MethodCard) -> Part | None:
        """The part of a wrapper that comes from a file: it works on whole images, as the file's method does."""
        return next((part for part in card.parts if part.view is None and part.card.name in self._given), None)

    def _training(self, part: Part, seed: int) -> Training:
        card, preset = part.card, self._plan.preset
        if not card.seeded:
            seed = self._plan.request.seeds[0]
        parameters = parameters_of(card, preset)
        _, schedule = preset.for_method(card.name)
        assets = {name: asset(name).sha256 for name in card.assets(parameters)}
        checked = Schedule(**vars(schedule))
        key = keys.training_key(
            method=card.name,
            card_version=card.version,
            parameters=registry.keyed_parameters(card, parameters),
            dataset_fingerprint=self._fingerprint,
            split=self._plan.split,
            train_pair_list_hash=self._plan.train.hash,
            size_px=preset.size_px,
            schedule=checked.model_dump(),
            precision=preset.precision,
            seed=seed,
            assets=assets,
            view=part.view,
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
            view=part.view,
        )
        folder = self._plan.results.model_folder(card.name, key)
        done = (folder / store.DONE).is_file() and not self._always
        return Training(spec, folder, Status.CACHED if done else Status.TO_DO)

    def _cell(self, card: MethodCard, seed: int | None) -> Cell:
        trainings = self._trainings(card, seed)
        spec = self._cell_spec(card, seed, trainings)
        folder = self._plan.results.cell_folder(self._plan.dataset.name, card.name, spec.key)
        stages = self._stages(folder, spec)
        return Cell(
            method=card.name,
            seed=seed,
            status=Status.TO_DO if stages else Status.CACHED,
            stages=stages,
            spec=spec,
            folder=folder,
            trainings=tuple(trainings.values()) if "images" in stages else (),
        )

    def _source(self, card: MethodCard, trainings: Mapping[str, Training]) -> str:
        """The key of what makes the images: a training, a file of weights, a wrapper's parts, or the method alone."""
        if card.parts:
            parts = [
                trainings[part.label].spec.key if part.label in trainings else self._source(part.card, {})
                for part in card.parts
            ]
            return keys.wrapper_key(method=card.name, card_version=card.version, parts=parts)
        if trainings:
            return trainings[card.name].spec.key
        parameters, given = parameters_of(card, self._plan.preset), self._given.get(card.name)
        keyed = registry.keyed_parameters(card, parameters)
        identity = {"method": card.name, "card_version": card.version, "parameters": keyed}
        if given:
            return keys.given_key(**identity, weights_sha256=given.sha256)
        return keys.source_key(**identity, train_pair_list_hash=self._seen(card, trainings))

    def _seen(self, card: MethodCard, trainings: Mapping[str, Training]) -> str | None:
        """Hash of the training pairs that the images depend on."""
        return self._plan.train.hash if trainings or card.name in USES_TRAINING_FRAMES else None

    def _settled(self, card: MethodCard) -> bool:
        """Whether the preset says that the method, and each part of a wrapper, settles at its budget."""
        entries = [self._plan.preset.methods.get(part.card.name) for part in card.parts or (Part(card),)]
        return all(entry is None or entry.settled for entry in entries)

    def _cell_spec(self, card: MethodCard, seed: int | None, trainings: Mapping[str, Training]) -> CellSpec:
        plan, trained, given_part = self._plan, bool(trainings), self._given_part(card)
        parameters = parameters_of(card, plan.preset)
        key = keys.cell_key(
            source=self._source(card, trainings),
            dataset=plan.dataset.name,
            split=plan.split,
            preset=plan.preset.name if trained else None,
            test_pair_list_hash=plan.test.hash,
            dataset_fingerprint=self._fingerprint,
            size_px=plan.preset.size_px,
        )
        scoring = {name: asset(name).sha256 for name in scoring_assets(plan)}
        masks = {name: asset(name).sha256 for name in plan.dataset.assets}
        learning = {name: sha for training in trainings.values() for name, sha in training.spec.assets.items()}
        return CellSpec(
            **self._common,
            **protocol_fields(plan, key),
            key=key,
            method=card.name,
            parameters=parameters,
            control=card.name in CONTROL_CARDS,
            title=card.row_title(parameters),
            privileged=card.privileged,
            trained=tuple(
                Trained(part=label, method=training.spec.method, key=training.spec.key)
                for label, training in trainings.items()
            ),
            given=self._given.get(given_part.card.name if given_part else card.name),
            given_part=given_part.label if given_part else "",
            preset=plan.preset.name if trained else None,
            overrides=plan.request.overrides if trained else (),
            ranked=not (card.privileged or card.scene_only) and (plan.preset.ranked or not trained),
            settled=not trained or self._settled(card),
            scene_only=card.scene_only,
            remarks=card.remarks_on(parameters),
            seed=seed,
            precision=plan.preset.precision if trained else "fp32",
            pairs=plan.pairs_folder(self._fingerprint).name,
            partition=plan.test.partition,
            test_pair_list_hash=plan.test.hash,
            train_pair_list_hash=self._seen(card, trainings),
            box_source=plan.info.box_source,
            leakage=self._leakage,
            assets={**masks, **learning, **scoring},
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
