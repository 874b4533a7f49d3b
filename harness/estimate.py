"""How long a plan will take and how much disk it needs: from like runs in the store, else the preset's estimates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import store
from harness.plan import Cell, Plan, Status, Training
from harness.specs import TrainingSpec, read_spec
from methods import registry

_BYTES_PER_MB = 1e6
_CHANNELS = 3
_SHORT = 12  # characters of a hash that are shown


@dataclass(frozen=True)
class Estimate:
    """Seconds, and where they come from; None where nothing is known."""

    seconds: float | None
    source: str = ""


def _alike(a: TrainingSpec, b: TrainingSpec) -> bool:
    return (
        a.parameters == b.parameters
        and a.size_px == b.size_px
        and a.schedule.batch_size == b.schedule.batch_size
        and a.precision == b.precision
        and a.threads == b.threads
    )


def _like_training(plan: Plan, training: Training) -> Path | None:
    """The folder of a finished training that costs the same a step."""
    for done in sorted(plan.results.root.glob(f"models/{training.spec.method}-*/{store.DONE}")):
        if _alike(read_spec(done.parent / store.SPEC), training.spec):
            return done.parent
    return None


def of_training(plan: Plan, training: Training) -> Estimate:
    """Steps times the seconds a step took in a like training, else times the preset's estimate."""
    steps = training.spec.schedule.steps
    like = _like_training(plan, training)
    if like is not None:
        facts = store.read_json(like / store.DONE)
        return Estimate(steps * facts["seconds"] / facts["steps"], f"as measured in {like.name}")
    entry = plan.preset.methods.get(training.spec.method)
    if entry is not None and entry.seconds_per_step is not None:
        return Estimate(steps * entry.seconds_per_step, f"preset {plan.preset.name}'s estimate for two CPU cores")
    return Estimate(None)


def of_cell(plan: Plan, cell: Cell) -> Estimate:
    """Synthesis as in an earlier cell of the method, scoring as in any, at this size; else the preset's."""
    per_pair, sources = 0.0, []
    for stage, guess in (
        ("synthesize", _image_guess(plan, cell)),
        ("score", plan.preset.seconds_per_score),
    ):
        wanted = {"synthesize": "images", "score": "scores"}[stage]
        if wanted not in cell.stages:
            continue
        found = _measured_per_pair(plan, cell, stage)
        if found is None and guess is None:
            if cell.spec.control and stage == "synthesize":
                continue  # copying frames takes no time worth naming
            return Estimate(None)
        per_pair += found if found is not None else guess
        sources.append("as measured before" if found is not None else f"preset {plan.preset.name}'s estimate")
    return Estimate(per_pair * len(plan.test), " and ".join(dict.fromkeys(sources)))


def _image_guess(plan: Plan, cell: Cell) -> float | None:
    """The preset's seconds an image, of a wrapper the sum of its parts'; None where it does not say."""
    if cell.spec.control or cell.spec.imported:
        return None
    card = registry.card(cell.method)
    named = [part.card.name for part in card.parts if part.card.learns] or [card.name]
    entries = [plan.preset.methods.get(name) for name in named]
    guesses = [entry.seconds_per_image if entry else None for entry in entries]
    return None if None in guesses else sum(guesses)


def _measured_per_pair(plan: Plan, cell: Cell, stage: str) -> float | None:
    for _, record in plan.results.records(protocol=plan.protocol.name):
        same_method = record.method == cell.method and record.parameters == cell.spec.parameters
        if record.size_px == plan.preset.size_px and (stage == "score" or same_method) and record.n:
            found = record.durations_s.get(stage)
            if found is not None:
                return found / record.n
    return None


def image_bytes(plan: Plan) -> int:
    """Most that the images to make can take: PNG files are smaller than their pixels."""
    height, width = plan.preset.size_px
    cells = sum("images" in cell.stages for cell in plan.to_do)
    return cells * len(plan.test) * height * width * _CHANNELS


def disk(plan: Plan) -> str:
    """What the images and models to make will take."""
    text = f"at most {image_bytes(plan) / _BYTES_PER_MB:.1f} MB of images"
    to_train = [training for training in plan.trainings if training.status is Status.TO_DO]
    if not to_train:
        return text
    likes = [_like_training(plan, training) for training in to_train]
    if None in likes:
        return f"{text}, models of unknown size"
    model_bytes = sum(store.read_json(like / store.DONE)["bytes"] for like in likes)
    return f"{text}, {model_bytes / _BYTES_PER_MB:.1f} MB of models"


def lines(plan: Plan) -> list[str]:
    """The plan as text: one line a training and a cell, then what lacks, time and disk."""
    height, width = plan.preset.size_px
    text = [
        f"{plan.dataset.name}, split {plan.split}, {height}×{width} px, preset {plan.preset.name}, "
        f"protocol {plan.protocol.name}",
        f"pairs: {len(plan.train)} train ({plan.train.hash[:_SHORT]}), "
        f"{len(plan.test)} {plan.test.partition} ({plan.test.hash[:_SHORT]})",
        *map(str, plan.overlaps()),
        f"masks: {plan.info.mask_source}; boxes: {plan.info.box_source}",
    ]
    total_s, known = 0.0, True
    for training in plan.trainings:
        estimate = of_training(plan, training) if training.status is Status.TO_DO else Estimate(0.0)
        text.append(_line(training.status, training.label, f"{training.spec.schedule.steps} steps", estimate))
        total_s, known = total_s + (estimate.seconds or 0.0), known and estimate.seconds is not None
    for cell in plan.cells:
        if cell.status is not Status.TO_DO:
            text.append(_line(cell.status, cell.label, cell.reason, Estimate(0.0)))
            continue
        estimate = of_cell(plan, cell)
        text.append(_line(cell.status, cell.label, ", ".join(cell.stages), estimate))
        total_s, known = total_s + (estimate.seconds or 0.0), known and estimate.seconds is not None
    text.extend(f"missing: {reason}" for reason in plan.missing)
    if not plan.to_do:
        return [*text, "nothing to do"]
    whole = "about" if known else "more than"
    text.append(f"estimate: {whole} {shown_s(total_s)}; {disk(plan)}")
    return text


def _line(status: Status, label: str, detail: str, estimate: Estimate) -> str:
    time = ""
    if status is Status.TO_DO:
        time = "time unknown" if estimate.seconds is None else f"about {shown_s(estimate.seconds)}"
        time += f" ({estimate.source})" if estimate.source else ""
    parts = "; ".join(part for part in (detail, time) if part)
    return f"  {status.value:8}{label}" + (f": {parts}" if parts else "")


def shown_s(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
