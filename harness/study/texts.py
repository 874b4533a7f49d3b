"""The words of a study's pages: those shipped, or the researcher's own."""

from __future__ import annotations

from pathlib import Path

from harness import config
from harness.config import Strict
from harness.study.design import Task

SHIPPED = Path(__file__).parent / "texts.yaml"


class TaskTexts(Strict):
    """heading and instructions stand before a task, the question under every picture of it."""

    heading: str
    instructions: str
    question: str


class Texts(Strict):
    """Words of the pages; `{minutes}` in the consent is replaced by the estimated length."""

    title: str
    consent: str
    agree: str
    sharpness: TaskTexts
    authenticity: TaskTexts
    accuracy: TaskTexts
    thanks: str

    def of(self, task: Task) -> TaskTexts:
        return getattr(self, task.name.lower())


def load_texts(path: Path | None) -> Texts:
    """The texts in a YAML file, the shipped ones if None. UserError as `config.load`."""
    return config.load("texts", str(path or SHIPPED), Texts)
