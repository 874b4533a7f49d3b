"""The paper's naive baselines (IV.D.1, Figs. 3, 11 and 12): wrappers around any method that was trained on cut images.

crop-inpaint: the inner method learns from each person's own box. Its image is scaled to the target's box and pasted
into the reference, whose person another method, the inpainter, has painted over.
union-crop: the inner method learns from the window that holds both boxes. Its image goes back into the window; the rest
comes from the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from methods.base import Condition, FitContext, Method, Synthesis, TrainingData
from methods.card import DatasetInfo, MethodCard
from methods.views import VIEWS, cut_condition, cut_data, paste

if TYPE_CHECKING:
    from torch import nn


class Wrapper(Method):
    """A method made of others. parts: built methods, in the order of the card's parts.

    The parts are trained by themselves and can be shared between wrappers, so a benchmark fits and loads them one by
    one; `fit`, `save` and `load` here do it for whoever has a wrapper alone, each part in a folder of its own.
    """

    def __init__(
        self, card: MethodCard, info: DatasetInfo, parameters: Mapping[str, object], parts: tuple[Method, ...]
    ):
        super().__init__(info, parameters)
        self.card = card
        self.parts = parts

    def fit(self, data: TrainingData, context: FitContext) -> None:
        views = {part.label: part.view for part in self.card.parts}
        for label, method in self.learners().items():
            method.fit(cut_data(data, views[label]), replace(context, folder=_made(context.folder / label)))

    def save(self, folder: Path) -> None:
        for label, method in self.learners().items():
            method.save(_made(folder / label))

    def load(self, folder: Path) -> None:
        for label, method in self.learners().items():
            method.load(folder / label)

    def networks(self) -> Iterator[nn.Module]:
        for part in self.parts:
            yield from part.networks()

    def learners(self) -> dict[str, Method]:
        parts = zip(self.card.parts, self.parts, strict=True)
        return {part.label: method for part, method in parts if part.card.learns}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class CropInpaint(Wrapper):
    """Parts: the inner method, on crops; the inpainter, whose image is the reference without the person."""

    def synthesize(self, condition: Condition) -> Synthesis:
        inner, inpainter = self.parts
        person = inner.synthesize(cut_condition(condition, "crop")).image
        _, windows = VIEWS["crop"](condition)
        return Synthesis(image=paste(inpainter.synthesize(condition).image, person, windows))


class UnionCrop(Wrapper):
    """Part: the inner method, on the window that holds both boxes."""

    def synthesize(self, condition: Condition) -> Synthesis:
        (inner,) = self.parts
        patch = inner.synthesize(cut_condition(condition, "union")).image
        windows, _ = VIEWS["union"](condition)
        return Synthesis(image=paste(condition.image, patch, windows))
