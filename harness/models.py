"""Trained methods from disk: by the folder of a training in a results folder, or by a file of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import datasets, given_weights, resolve, store
from harness.errors import UserError
from harness.presets import load_preset
from harness.specs import TrainingSpec, dataset_of, read_spec
from harness.store import Store
from methods import registry
from methods.base import MODEL, Method
from methods.card import DatasetInfo, MethodCard, supports


@dataclass(frozen=True)
class Setting:
    """What a bare file of weights does not tell: the dataset whose joints, and the preset whose size and parameters."""

    dataset: str | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()


def load_method(
    name: str, weights: str | None, results: Store, setting: Setting, plugins: Sequence[Path] = ()
) -> Method:
    """A method ready to synthesize. weights: a training's folder or its name in the store, or a file of weights.

    plugins: files that define methods; those the training was made with where none are given.
    UserError for unknown names, a training that is of another method or not finished, weights that do not fit, and
    where a bare file or a method that does not learn comes without dataset and preset.
    """
    resolve.load_plugins(tuple(plugins))
    if "(" in name and card_of(name).parts:
        raise UserError(f"{name} is a wrapper, made of trainings of its own; `bench run` makes its images, this cannot")
    folder = None if weights is None else _training_folder(weights, results)
    if folder is not None:
        if setting != Setting():
            raise UserError(
                f"{folder} tells itself on which dataset and with which parameters it was trained: leave --dataset, "
                "--preset and --set out"
            )
        return _of_training(name, folder, plugins)
    card = card_of(name)
    if weights is None and card.learns:
        raise UserError(f"{name} learns: give its training's folder or a file with --weights. {_there(name, results)}")
    if setting.dataset is None or setting.preset is None:
        what = f"{weights} is a bare file of weights" if weights else f"{name} has no training"
        raise UserError(f"{what}: say with --dataset whose joints and with --preset at which size it works")
    method = of_setting(card, setting)
    if weights is not None:
        given_weights.load_file(method, Path(weights))
    return method


def _of_training(name: str, folder: Path, plugins: Sequence[Path]) -> Method:
    spec = _finished(folder)
    if not plugins:
        resolve.load_plugins(tuple(map(Path, spec.plugins)))
    if spec.method != name:
        raise UserError(f"{folder} holds a training of {spec.method}, --method says {name}")
    if spec.view:
        raise UserError(f"{folder} was trained on cut images ({spec.view} windows), as a part of a wrapper")
    card = card_of(name)
    if spec.card_version != card.version:
        raise UserError(
            f"{folder} was trained with version {spec.card_version} of {name}, this is version {card.version}: "
            "the same weights would give other images. Train again"
        )
    info = dataset_of(spec).info(spec.size_px)
    method = _built(card, info, spec.parameters)
    given_weights.load_folder(method, folder, folder)
    return method


def of_setting(card: MethodCard, setting: Setting) -> Method:
    """The method as it is built for a dataset and a preset. UserError where it does not support them."""
    dataset = datasets.get(setting.dataset)
    preset = resolve.fitted(load_preset(setting.preset, setting.overrides), dataset)
    info = dataset.info(preset.size_px)
    fits, reason = supports(card, info)
    if not fits:
        raise UserError(reason)
    return _built(card, info, resolve.parameters_of(card, preset))


def card_of(name: str) -> MethodCard:
    """The method's card. UserError with did-you-mean for an unknown one."""
    try:
        return registry.card(name)
    except registry.UnknownName as error:
        raise UserError(str(error)) from error


def _built(card: MethodCard, info: DatasetInfo, parameters: Mapping[str, object]) -> Method:
    try:
        return registry.build(card.name, info, parameters)
    except (LookupError, ValueError) as error:
        raise UserError(str(error)) from error


def _training_folder(weights: str, results: Store) -> Path | None:
    """The training's folder that `weights` names; None for a bare file. UserError for what is neither."""
    path = Path(weights)
    if path.is_file():
        return path.parent if path.name == MODEL and (path.parent / store.SPEC).is_file() else None
    for folder in (path, results.root / "models" / weights):
        if (folder / store.SPEC).is_file():
            return folder
    if path.is_dir():
        raise UserError(f"{path} is no training's folder: it has no {store.SPEC}. {_there('*', results)}")
    raise UserError(f"there is no training and no file {weights}. {_there('*', results)}")


def _there(name: str, results: Store) -> str:
    trained = sorted(done.parent.name for done in results.root.glob(f"models/{name}-*/{store.DONE}"))
    if not trained:
        return f"No training is finished in {results.root}: `bench run` trains, --results names another folder"
    return f"Trainings in {results.root}: {', '.join(trained)}"


def _finished(folder: Path) -> TrainingSpec:
    spec = read_spec(folder / store.SPEC)
    if not isinstance(spec, TrainingSpec):
        raise UserError(f"{folder} is a cell's folder; a training's folder is needed (results/models/…)")
    if not (folder / store.DONE).is_file():
        raise UserError(f"the training in {folder} is not finished: the same `bench run` goes on with it")
    return spec
