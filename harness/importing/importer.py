"""`bench import`: a folder of images made elsewhere becomes a cell, scored and recorded as every other.

The images are decoded, cut out of their strips and stored as PNG under our pair ids. Their pixels are in the cell's
key: the same images again are nothing to do, however they are packed, and others never mix with them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness import cell, completeness, images, keys, provenance, recording, resolve, store
from harness.assets import asset
from harness.config import NAME_PATTERN
from harness.errors import UserError
from harness.importing import conventions
from harness.importing.conventions import Convention
from harness.importing.survey import OPTION, Survey, digest, generated, survey
from harness.pairs import PairData
from harness.pairs_folder import write_pairs_folder
from harness.plan import Plan, RunRequest, scoring_assets
from harness.progress import track
from harness.records import Imported
from harness.runner import say
from harness.specs import CellSpec
from harness.weights import WeightStore

SIZE_PRESET = "paper"
"""Gives the image size where none is named: what the releases generate at."""

_SIZE = re.compile(r"(\d+)[x×](\d+)")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Outcome:
    """The cell of an import. fresh: False where it lay there already, recorded under the protocol."""

    plan: Plan
    spec: CellSpec
    folder: Path
    imported: Imported
    fresh: bool


def sized(preset: str) -> tuple[str, tuple[str, ...]]:
    """The preset and its overrides for a preset's name, or for an image size such as `128x64` (height, width)."""
    match = _SIZE.fullmatch(preset)
    if match is None:
        return preset, ()
    return SIZE_PRESET, (f"size_px=[{int(match[1])}, {int(match[2])}]",)


def import_images(
    folder: Path, convention: str, request: RunRequest, name: str | None = None, allow_missing: bool = False
) -> Outcome:
    """Import a folder into the comparison that the request names. name: the row's, by default convention and folder.

    UserError before anything is written for unknown names, missing data or weights, files that fit no pair or several,
    and for a set that is not whole unless `allow_missing`; the record then counts and names what lacks. CellFailed as
    `cell.score_and_record`. An interrupted import goes on where it stopped.
    """
    known = conventions.find(convention)
    name = _checked_name(name or _NOT_IN_A_NAME.sub("-", f"{_short(known)}-{folder.absolute().name}"))
    plan = resolve.ground(request)
    available, reason = plan.dataset.available()
    if not available:
        raise UserError(reason)
    weights = WeightStore(extra_dir=request.weights_dir)
    weights.require([*scoring_assets(plan), *_mask_assets(plan)])
    found = survey(folder, known, plan.dataset, plan.test, plan.preset.size_px)
    lacking = found.completeness.lacking
    if lacking and not (allow_missing and found.files):
        raise UserError(_refusal(found, known, plan, folder))
    imported = Imported(
        folder=str(folder), convention=known.name, images_sha256=found.sha256, **dict(found.completeness)
    )
    spec = _spec(plan, name, imported)
    place = plan.results.cell_folder(plan.dataset.name, name, spec.key)
    fresh = not store.has_record(place, spec.protocol_name, spec.score_key)
    if fresh:
        _make(place, plan, spec, imported, found, known)
    return Outcome(plan, spec, place, imported, fresh)


def _refusal(found: Survey, convention: Convention, plan: Plan, folder: Path) -> str:
    text = completeness.refusal(found.completeness, len(found.files), "pair", f"{OPTION} {folder}")
    for pair in plan.test.pairs:
        if pair.id in found.completeness.missing_images:
            return f"{text}\nLooked for, of pair {pair.id}: {' or '.join(convention.names(plan.dataset, pair))}"
    return text


def _short(convention: Convention) -> str:
    return convention.name if convention.name in conventions.CONVENTIONS else "images"


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name) or name.startswith("."):
        raise UserError(f"--name {name!r}: letters, digits, '.', '_' and '-' are needed; it names a folder")
    if name in resolve.all_cards():
        raise UserError(
            f"--name {name}: that is the row of a method of this benchmark, and images made elsewhere stand beside it, "
            f"never for it. Take another, such as {name}-released"
        )
    return name


def _mask_assets(plan: Plan) -> tuple[str, ...]:
    return () if plan.dataset.decoded(plan.preset.size_px) else plan.dataset.assets


def _spec(plan: Plan, name: str, imported: Imported) -> CellSpec:
    shared = resolve.shared_fields(plan)
    fingerprint = shared["dataset_fingerprint"]
    key = keys.cell_key(
        source=keys.imported_key(name=name, images_sha256=imported.images_sha256),
        dataset=plan.dataset.name,
        split=plan.split,
        preset=None,
        test_pair_list_hash=plan.test.hash,
        dataset_fingerprint=fingerprint,
        size_px=plan.preset.size_px,
    )
    return CellSpec(
        **shared,
        **resolve.protocol_fields(plan, key),
        key=key,
        method=name,
        parameters={},
        control=False,
        title=name,
        privileged=False,
        imported=imported.images_sha256,
        preset=None,
        overrides=(),
        ranked=False,
        seed=None,
        precision="fp32",
        pairs=plan.pairs_folder(fingerprint).name,
        test_pair_list_hash=plan.test.hash,
        train_pair_list_hash=None,
        box_source=plan.info.box_source,
        leakage=resolve.leakage(plan),
        assets={used: asset(used).sha256 for used in (*plan.dataset.assets, *scoring_assets(plan))},
        command=provenance.command_line(),
        git=provenance.git_state(),
    )


def _make(place: Path, plan: Plan, spec: CellSpec, imported: Imported, found: Survey, convention: Convention) -> None:
    """Fill the cell's folder: what was there, the spec, the images, the scores and, last, the record."""
    frames = plan.dataset.frames(plan.preset.size_px)
    write_pairs_folder(plan.pairs_folder(frames.fingerprint), frames, plan.test, plan.dataset)
    there = replace(plan.test, pairs=tuple(pair for pair in plan.test.pairs if pair.id in found.files))
    with store.held(place, say):
        recording.keep_imported(place, imported)
        spec.write(place)
        for pair_id in track(store.missing_images(place, found.files), f"images {spec.method}"):
            image = generated(found.files[pair_id], convention, spec.size_px)
            if digest(image) != found.digests[pair_id]:
                raise UserError(f"{found.files[pair_id]} changed while it was imported; run the same command again")
            images.write_png(store.image_path(place, pair_id), image)
        cell.score_and_record(place, spec, PairData(frames, there))
