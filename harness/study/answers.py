"""Participants' answers: files read, held against the key, and turned into a table of who found what."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError
from harness.study.design import Kind, Task
from harness.study.key import ANSWERS, YES, Key, KeyParticipant, KeyQuestion
from harness.study.packet import SHEET_FIELDS

if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 1
MOST_BYTES = 1_000_000
"""An answer file is far smaller; what is larger is none."""

MOST_ANSWERS = 10_000
MOST_FAILED_CHECKS = 1
"""Of six: one may be a slip of the finger."""

COLUMNS = ("participant", "task", "kind", "pair", "method", "success", "ms")


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(_Plain):
    """One answer. ms: milliseconds from the pictures to the answer; None from paper."""

    id: str = Field(max_length=64)
    answer: str = Field(max_length=16)
    ms: int | None = Field(None, ge=0)


class Answers(_Plain):
    """One participant's file, as the page saves it."""

    schema_version: int = Field(alias="schema")
    participant: str = Field(max_length=64)
    page: str | None = Field(None, max_length=64, description="hash of what the page asked; null from paper")
    started: str | None = Field(None, max_length=64)
    finished: str | None = Field(None, max_length=64)
    answers: tuple[Answer, ...] = Field(max_length=MOST_ANSWERS)


@dataclass(frozen=True)
class Reading:
    """What answer files hold. frame: the columns of `COLUMNS`, a row an answer.

    refused: files that count for nothing, and participants left out, with the reason. remarks: what counts and lacks.
    """

    frame: pandas.DataFrame
    refused: dict[str, str]
    remarks: dict[str, str]


def parsed(content: bytes) -> Answers:
    """The answers in a file's content. ValueError, in a sentence, for what is none."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has {len(content):,} bytes, answers have at most {MOST_BYTES:,}")
    try:
        found = Answers.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"these are no answers of a study: {where}: {first['msg']}") from error
    if found.schema_version != SCHEMA_VERSION:
        raise ValueError(f"answers of version {found.schema_version}; this version of bench reads {SCHEMA_VERSION}")
    return found


def problem(answers: Answers, participant: KeyParticipant | None) -> str | None:
    """Why a file counts for nothing; None where it counts."""
    if participant is None:
        return f"participant {answers.participant} is not of this study"
    if answers.page is not None and answers.page != participant.page_sha256:
        return "the page that was answered is not the one of this packet: it was edited, or is of another packet"
    foreign = [it.id for it in answers.answers if it.id not in participant.by_id]
    if foreign:
        return f"{len(foreign)} answers are to questions that participant {answers.participant} was not asked"
    twice = [name for name, count in Counter(it.id for it in answers.answers).items() if count > 1]
    if twice:
        return f"{len(twice)} questions are answered twice"
    wrong = [it for it in answers.answers if it.answer not in ANSWERS[participant.by_id[it.id].task]]
    if wrong:
        return f"{wrong[0].answer!r} is no answer to question {wrong[0].id}"
    return None if answers.answers else "nothing is answered"


def read(key: Key, folder: Path, most_failed_checks: int = MOST_FAILED_CHECKS) -> Reading:
    """The answers in a folder's *.json files, and in the filled sheets (*.csv), that are this study's.

    Of several files of one participant the one that was finished first counts; paper sheets, which say nothing of
    time, come last. Who fails more checks than that many is left out. UserError where no file counts.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder of answers")
    refused: dict[str, str] = {}
    by_participant: dict[str, list[tuple[str, Path, Answers]]] = defaultdict(list)
    for path in sorted((*folder.glob("*.json"), *folder.glob("*.csv"))):
        try:
            answers = _sheet(path) if path.suffix == ".csv" else parsed(path.read_bytes())
        except (ValueError, OSError) as error:
            refused[path.name] = str(error)
            continue
        wrong = problem(answers, key.by_code.get(answers.participant))
        if wrong:
            refused[path.name] = wrong
        else:
            by_participant[answers.participant].append((answers.finished or "~", path, answers))
    rows: list[tuple[object, ...]] = []
    remarks: dict[str, str] = {}
    for code, found in sorted(by_participant.items()):
        (_, path, answers), *others = sorted(found, key=lambda it: it[:2])
        for _, other, repeated in others:
            same = "the same answers as" if repeated.answers == answers.answers else "another file of the one who sent"
            refused[other.name] = f"{same} {path.name}, which was finished first"
        own = key.by_code[code]
        failed = _failed_checks(answers, own)
        if failed > most_failed_checks:
            refused[path.name] = f"failed {failed} checks of attention; {most_failed_checks} are allowed"
            continue
        if len(answers.answers) < len(own.questions):
            remarks[path.name] = f"{len(answers.answers)} of {len(own.questions)} questions are answered"
        rows += [_row(code, own.by_id[it.id], it) for it in answers.answers]
    if not rows:
        told = "\n".join(f"  {name}: {reason}" for name, reason in refused.items()) or "  no *.json or *.csv is there"
        raise UserError(f"no answers in {folder} count:\n{told}")
    return Reading(frame_of(rows), refused, remarks)


def frame_of(rows: Sequence[tuple[object, ...]]) -> pandas.DataFrame:
    """Rows of `COLUMNS` as a frame."""
    import pandas

    return pandas.DataFrame(rows, columns=list(COLUMNS)).astype({"success": float, "ms": float})


def success(question: KeyQuestion, answer: str) -> bool:
    """Whether an answer is yes; in authenticity, takes the real picture for the fake; in a check, is the right one."""
    if question.kind is Kind.CHECK:
        return answer == question.expected
    return answer != question.fake if question.task is Task.AUTHENTICITY else answer == YES


def _row(code: str, question: KeyQuestion, answer: Answer) -> tuple[object, ...]:
    return (code, question.task.name, question.kind.name, question.pair, question.method,
            success(question, answer.answer), answer.ms)  # fmt: skip


def _failed_checks(answers: Answers, participant: KeyParticipant) -> int:
    asked = ((participant.by_id[it.id], it.answer) for it in answers.answers)
    return sum(not success(question, answer) for question, answer in asked if question.kind is Kind.CHECK)


def _sheet(path: Path) -> Answers:
    """A filled sheet; lines without an answer are left out. ValueError for what is no sheet of one participant."""
    try:
        lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error}") from error
    if not lines or not set(SHEET_FIELDS) <= set(lines[0]):
        raise ValueError(f"it is no sheet: the columns {', '.join(SHEET_FIELDS)} are needed")
    codes = {line["participant"] for line in lines}
    if len(codes) > 1:
        raise ValueError(f"it is of {len(codes)} participants; a sheet is of one")
    answers = [{"id": line["id"], "answer": (line["answer"] or "").strip().lower()} for line in lines]
    filled = [answer for answer in answers if answer["answer"]]
    return parsed(json.dumps({"schema": SCHEMA_VERSION, "participant": codes.pop(), "answers": filled}).encode())
