"""`bench rescore`: stored images scored under another protocol, without training or synthesizing.

Each cell with all its images gets scores and a record under the protocol; its spec, and what lies there under other
protocols, stays as it is. A cell that is recorded under exactly this protocol is `cached`, one without all its images
`refused`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import cell as stages
from harness import datasets, provenance, recording, specs, store
from harness.assets import asset
from harness.errors import CellFailed, UserError, disk_error, unknown
from harness.metrics.protocol import Protocol, load_protocol
from harness.pairs import PairData, PairList
from harness.pairs_folder import PAIRS
from harness.runner import End, Outcome, say
from harness.specs import CellSpec, read_spec
from harness.store import Store

if TYPE_CHECKING:
    from harness.datasets.frames import FrameStore

_SHOWN = 12
"""Characters of a fingerprint that are told."""


@dataclass(frozen=True)
class RescoreRequest:
    """What the user asked for. protocol: name, or path of a YAML file. methods: all where none is named.

    data_root, weights_dir: in place of those the cells were made with, where they have moved.
    """

    protocol: str
    results: Path
    dataset: str | None = None
    methods: tuple[str, ...] = ()
    data_root: Path | None = None
    weights_dir: Path | None = None


@dataclass(frozen=True)
class Rescored:
    """How each cell ended, and the specs of those with a record under the protocol."""

    outcomes: tuple[Outcome, ...]
    recorded: tuple[CellSpec, ...]


@dataclass(frozen=True)
class Ground:
    """The frames of a dataset at one size, and the SHA-256 of the networks that made its masks, by name."""

    frames: FrameStore
    mask_assets: Mapping[str, str]


def rescore(request: RescoreRequest) -> Rescored:
    """Score every stored cell that the request names under its protocol.

    UserError before any work for what is no results folder, for an unknown protocol, method or dataset, and for weights
    that are missing. What fails for one cell is its outcome and does not stop the others.
    """
    results, protocol = store.opened(request.results), load_protocol(request.protocol)
    if request.data_root is not None and not request.data_root.is_dir():
        raise UserError(f"--data-root {request.data_root} is no folder; name the one that holds the datasets' folders")
    found, damaged = _cells(results)
    chosen = _chosen(found, request)
    # whose cell a damaged one is cannot be told: it is named where all are asked for
    outcomes = [] if request.methods or request.dataset else damaged
    if not (chosen or outcomes):
        raise UserError(f"{results.root} holds no cell: nothing was run into it, or imported, that could be rescored")
    work = _Rescoring(request, results, protocol)
    work.require_weights(chosen)
    recorded = []
    for number, (folder, spec) in enumerate(chosen, start=1):
        say(f"[{number}/{len(chosen)}] {label(folder, spec)}")
        outcome = work.done(folder, spec)
        say(f"{outcome}")
        outcomes.append(outcome)
        if outcome.end in (End.DONE, End.CACHED):
            recorded.append(work.under_protocol(spec))
    return Rescored(tuple(outcomes), tuple(recorded))


def label(folder: Path, spec: CellSpec) -> str:
    """Method, seed and the cell's folder: a store may hold several cells of one method and seed."""
    seed = "" if spec.seed is None else f" seed {spec.seed}"
    return f"{spec.method}{seed} ({_place(folder)})"


def _place(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _cells(results: Store) -> tuple[list[tuple[Path, CellSpec]], list[Outcome]]:
    """Every cell of the store with its spec, in path order, and what is to be said of folders whose spec is damaged."""
    found, damaged = [], []
    for folder in sorted(path for path in results.root.glob("cells/*/*") if path.is_dir()):
        try:
            found.append((folder, _cell_spec(folder)))
        except UserError as error:
            damaged.append(Outcome(_place(folder), End.FAILED, reason=str(error)))
    return found, damaged


def _cell_spec(folder: Path) -> CellSpec:
    spec = read_spec(folder / store.SPEC)
    if not isinstance(spec, CellSpec):
        raise UserError(f"{folder / store.SPEC} is the spec of a training, and a cell's was expected there")
    return spec


def _chosen(found: Sequence[tuple[Path, CellSpec]], request: RescoreRequest) -> list[tuple[Path, CellSpec]]:
    """The cells that the request names. UserError for a dataset or a method that is not in the store."""
    there = {spec.dataset for _, spec in found}
    wanted = None if request.dataset is None else datasets.canonical(request.dataset)
    if wanted is not None:
        # a layout of several sets (prepared) means each of them
        meant = {name for name in there if name == wanted or name.startswith(f"{wanted}-")}
        if not meant:
            raise unknown("dataset in the store", wanted, there)
        found = [(folder, spec) for folder, spec in found if spec.dataset in meant]
    names = {"".join(name.split()) for name in request.methods}  # a wrapper's name may be written with blanks
    for name in sorted(names):
        if name not in {spec.method for _, spec in found}:
            raise unknown("method in the store", name, {spec.method for _, spec in found})
    return [(folder, spec) for folder, spec in found if not names or spec.method in names]


class _Rescoring:
    """Scores cells under one protocol; cells on the same ground share its frames."""

    def __init__(self, request: RescoreRequest, results: Store, protocol: Protocol):
        self._request = request
        self._results = results
        self._protocol = protocol
        self._git = provenance.git_state()
        self._command = provenance.command_line()
        self._grounds: dict[tuple[object, ...], Ground] = {}

    def under_protocol(self, spec: CellSpec) -> CellSpec:
        """The cell's spec as if this protocol had been asked for, with the weights it is scored with still unnamed."""
        moved = {"data_root": self._request.data_root, "weights_dir": self._request.weights_dir}
        return spec.model_copy(
            update={
                **specs.protocol_fields(self._request.protocol, self._protocol, spec.key),
                **{name: str(path.absolute()) for name, path in moved.items() if path is not None},
                "command": self._command,
                "git": self._git,
            }
        )

    def require_weights(self, cells: Sequence[tuple[Path, CellSpec]]) -> None:
        """UserError for weights of the protocol that cells to score would lack."""
        checked = set()
        for folder, spec in cells:
            moved = self.under_protocol(spec)
            if moved.weights_dir in checked or _is_recorded(folder, moved):
                continue
            checked.add(moved.weights_dir)
            specs.weight_store(moved).require(self._protocol.assets())

    def done(self, folder: Path, spec: CellSpec) -> Outcome:
        """Score a cell in its held folder, unless it is recorded; how that ended."""
        name, start_s = label(folder, spec), time.monotonic()
        moved = self.under_protocol(spec)
        try:
            with store.held(folder, lambda reason: say(f"{name}: {reason}")):
                if store.has_record(folder, moved.protocol_name, moved.score_key):
                    return Outcome(name, End.CACHED)
                lacking = self._lacking(folder, moved)
                if lacking:
                    return Outcome(name, End.REFUSED, reason=lacking)
                self._score(folder, moved)
        except (CellFailed, UserError, OSError) as error:
            return Outcome(name, End.FAILED, time.monotonic() - start_s, disk_error(error) or str(error))
        return Outcome(name, End.DONE, time.monotonic() - start_s)

    def _score(self, folder: Path, spec: CellSpec) -> None:
        """Raises CellFailed, UserError or OSError; the traceback of anything else goes to the cell's log."""
        ground = self._ground(spec)
        scoring = {name: asset(name).sha256 for name in self._protocol.assets()}
        assets = {**ground.mask_assets, **self._training_assets(spec), **scoring}
        try:
            data = PairData(ground.frames, self._pairs(folder, spec))
            stages.score_and_record(folder, spec.model_copy(update={"assets": assets}), data)
        except (CellFailed, UserError):
            raise
        except Exception as error:
            with (folder / store.LOG).open("a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
            raise CellFailed(disk_error(error) or f"{type(error).__name__}: {error}") from error

    def _lacking(self, folder: Path, spec: CellSpec) -> str:
        """Why the cell's images are not complete, or nothing."""
        pairs = self._pairs(folder, spec)
        missing = store.missing_images(folder, (pair.id for pair in pairs.pairs))
        if not missing:
            return ""
        maker = "bench import" if spec.imported else "bench run"
        return f"{len(missing)} of {len(pairs)} images are missing; the same `{maker}` makes them: {spec.command}"

    def _pairs(self, folder: Path, spec: CellSpec) -> PairList:
        """The pairs that the cell has images of: its test pairs, less what an import was allowed to lack."""
        path = self._results.root / "pairs" / spec.pairs / PAIRS
        if not path.is_file():
            raise UserError(f"its test pairs are not there: {path}. The command that made the cell writes them again")
        pairs = PairList.read(path)
        if pairs.hash != spec.test_pair_list_hash:
            raise UserError(
                f"{path} has the hash {pairs.hash}, the cell names {spec.test_pair_list_hash}. Remove the folder: the "
                "command that made the cell writes the list again"
            )
        imported = recording.imported_facts(folder, spec)
        if imported is None:
            return pairs
        lacking = {*imported.missing_images, *imported.unusable}
        return replace(pairs, pairs=tuple(pair for pair in pairs.pairs if pair.id not in lacking))

    def _ground(self, spec: CellSpec) -> Ground:
        """The frames the cell's targets are of, opened once. UserError where they are not at hand, or are others."""
        key = (spec.dataset, spec.data_root, spec.masks, spec.weights_dir, spec.size_px, spec.dataset_fingerprint)
        if key not in self._grounds:
            self._grounds[key] = _opened(spec)
        return self._grounds[key]

    def _training_assets(self, spec: CellSpec) -> Mapping[str, str]:
        """SHA-256 of the pretrained assets that the cell's trainings used.

        Where a model is gone, all that the cell's spec names, the earlier protocol's too: nothing tells them apart.
        """
        models = [self._results.model_folder(trained.method, trained.key) / store.SPEC for trained in spec.trained]
        if not all(path.is_file() for path in models):
            return spec.assets
        return {name: sha256 for path in models for name, sha256 in read_spec(path).assets.items()}


def _opened(spec: CellSpec) -> Ground:
    dataset = specs.dataset_of(spec)
    available, reason = dataset.available()
    if not (available or dataset.decoded(spec.size_px)):
        raise UserError(reason)
    found = dataset.fingerprint(spec.size_px)
    if found != spec.dataset_fingerprint:
        raise UserError(
            f"the {spec.dataset} found ({dataset.place}) is not the one its images were made on: fingerprint "
            f"{found[:_SHOWN]}, the cell has {spec.dataset_fingerprint[:_SHOWN]}. Name that one with --data-root DIR"
        )
    return Ground(dataset.frames(spec.size_px), {name: asset(name).sha256 for name in dataset.assets})


def _is_recorded(folder: Path, spec: CellSpec) -> bool:
    """Whether the cell has its record; a damaged one is told when the cell's turn comes."""
    try:
        return store.has_record(folder, spec.protocol_name, spec.score_key)
    except UserError:
        return False
