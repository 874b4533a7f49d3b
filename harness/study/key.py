"""What a study's researcher keeps and no participant sees: who was asked what, and what lies behind each question."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError
from harness.study.design import Kind, Task
from mrnet import files

SCHEMA_VERSION = 1
KEY = "key.json"
YES, NO, LEFT, RIGHT = "yes", "no", "left", "right"
ANSWERS = {Task.SHARPNESS: (YES, NO), Task.AUTHENTICITY: (LEFT, RIGHT), Task.ACCURACY: (YES, NO)}
"""What a task's questions can be answered with; in authenticity the side of the image that is taken for the fake."""


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class KeyQuestion(_Plain):
    """A question of one participant."""

    id: str = Field(description="opaque; all that the page and the answers know of the question")
    task: Task
    kind: Kind
    pair: str = Field(description="id of the pair")
    method: str = Field(description="name of the method, or `real`")
    fake: str | None = Field(None, description="side of the generated image, in authenticity")
    expected: str | None = Field(None, description="right answer of a check")


class KeyParticipant(_Plain):
    """A participant's questions in the order they are asked."""

    code: str = Field(description="opaque; names the page and the answers")
    page_sha256: str = Field(description="of what the page asks; answers repeat it")
    questions: tuple[KeyQuestion, ...]

    @cached_property
    def by_id(self) -> dict[str, KeyQuestion]:
        return {question.id: question for question in self.questions}


class Key(_Plain):
    """Everything that scoring needs, so that it needs no results folder."""

    schema_version: int = Field(SCHEMA_VERSION, alias="schema")
    study: str = Field(description="opaque id of the study")
    seed: int
    dataset: str
    comparison: str = Field(description="the comparison the images are of, in words")
    pair_list_hash: str
    pairs: tuple[str, ...] = Field(description="ids of the pairs that were sampled")
    titles: dict[str, str] = Field(description="display names of the methods, in the table's order")
    cells: dict[str, str] = Field(description="cell keys of the methods' images")
    metrics: dict[str, dict[str, dict[str, float]]] = Field(description="values by metric, method and pair")
    participants: tuple[KeyParticipant, ...]

    @cached_property
    def by_code(self) -> dict[str, KeyParticipant]:
        return {participant.code: participant for participant in self.participants}

    def write(self, folder: Path) -> str:
        """Write the key where only its owner may read; its SHA-256, by which the packet commits to it."""
        content = self.model_dump_json(by_alias=True, indent=1) + "\n"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_text(folder / KEY, content)
        (folder / KEY).chmod(0o600)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()


def read_key(path: Path) -> tuple[Key, str]:
    """A key file, and its SHA-256. UserError for what is none, or is of another version."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the study's key {path}: {error.strerror}; name it with --key FILE") from error
    try:
        version = json.loads(content).get("schema")
        if version != SCHEMA_VERSION:
            raise UserError(f"{path} is a key of version {version}; this version of bench reads {SCHEMA_VERSION}")
        return Key.model_validate_json(content), hashlib.sha256(content).hexdigest()
    except (ValueError, AttributeError, ValidationError) as error:
        raise UserError(f"{path} is no study's key: {error}") from error
