"""A study's packet: a page for each participant, an answer sheet for paper, and, apart from both, the key.

Pages hold pixels, opaque ids and words, and nothing that says which method made what: pictures are encoded anew,
losslessly, in an order drawn by lot, and file names are opaque.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import page_file
from harness.errors import UserError
from harness.progress import track
from harness.study.design import REAL, Kind, Question, Task, questions, stratified
from harness.study.key import ANSWERS, LEFT, NO, RIGHT, YES, Key, KeyParticipant, KeyQuestion
from mrnet import files

if TYPE_CHECKING:
    from harness.study.source import Source
    from harness.study.texts import Texts

MANIFEST = "study.json"
PAGES = "pages"
SHEETS = "sheets"
KEY_FOLDER_SUFFIX = "-key"
SHEET_FIELDS = ("participant", "number", "id", "task", "answer")
MOST_PAGE_MB = 15
"""A page must open on a phone."""

SECONDS_A_QUESTION = 4.0
_ID_BYTES = 8
_CHECK_BLOCKS = 4  # a check's fake picture is the real one, cut into so many tiles a side, and shuffled
_CHECK_BLUR_PX = 3  # and its unclear one, shrunk to so many pixels a side
_SECONDS_PER_MINUTE = 60
_BYTES_PER_MB = 2**20
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Plan:
    """What a packet is to be.

    images: pairs each person sees in a task. code_seed: of the opaque names; None for secret ones.
    """

    participants: int = 15
    images: int = 50
    seed: int = 0
    code_seed: int | None = None


def key_folder(out: Path) -> Path:
    """Where the key of a packet lies: beside it, and not in it."""
    return out.with_name(out.name + KEY_FOLDER_SUFFIX)


def make(source: Source, plan: Plan, texts: Texts, out: Path) -> Key:
    """Write the packet into `out` and its key into `key_folder(out)`.

    UserError where either is there already, too few pairs have an image of every method, or a page would be too large.
    """
    for folder in (out, key_folder(out)):
        if folder.exists():
            raise UserError(f"{folder} is there already; a packet is made once. Name another folder with --out")
    try:
        pairs = stratified(source.groups, plan.images, plan.seed)
    except ValueError as error:
        raise UserError(f"--images {plan.images}: {error} with an image of every method; give fewer") from error
    token = _tokens(plan.code_seed)
    asked = questions(plan.participants, plan.images, list(source.titles), plan.seed)
    pictures = _Pictures(source)
    pages: dict[str, str] = {}
    participants = []
    for own in track(asked, "Pages"):
        code = token()
        known = [_known(question, pairs, token()) for question in own]
        content = _content(pictures, known, texts, code, token())
        page_sha256 = hashlib.sha256(content.encode("utf-8")).hexdigest()
        pages[code] = _page(content, page_sha256, texts)
        participants.append(KeyParticipant(code=code, page_sha256=page_sha256, questions=tuple(known)))
        size_mb = len(pages[code].encode("utf-8")) / _BYTES_PER_MB
        if size_mb > MOST_PAGE_MB:
            raise UserError(
                f"a page of {size_mb:.0f} MB does not open on a phone; at most {MOST_PAGE_MB}. Give fewer --images"
            )
    key = Key(
        schema=1,
        study=token(),
        seed=plan.seed,
        dataset=source.dataset,
        comparison=source.comparison,
        pair_list_hash=source.pair_list_hash,
        pairs=tuple(pairs),
        titles=dict(source.titles),
        cells=dict(source.cells),
        metrics=source.metrics(pairs),
        participants=tuple(participants),
    )
    _write(out, key, pages)
    return key


def _write(out: Path, key: Key, pages: Mapping[str, str]) -> None:
    """The key, then the packet whole; without the packet no key stays."""
    key_sha256 = key.write(key_folder(out))
    try:
        with files.new_folder(out) as folder:
            _fill(folder, key, key_sha256, pages)
    except BaseException:
        shutil.rmtree(key_folder(out))
        raise


def _fill(folder: Path, key: Key, key_sha256: str, pages: Mapping[str, str]) -> None:
    for participant in key.participants:
        files.write_text(folder / PAGES / f"{participant.code}.html", pages[participant.code])
        files.write_text(folder / SHEETS / f"{participant.code}.csv", _sheet(participant))
    manifest = {
        "study": key.study,
        "participants": {it.code: it.page_sha256 for it in key.participants},
        "questions": len(key.participants[0].questions),
        "key_sha256": key_sha256,
    }
    files.write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    files.write_text(folder / "README.md", (_HERE / "packet.md").read_text(encoding="utf-8"))


def _tokens(seed: int | None) -> Callable[[], str]:
    """A maker of opaque names: secret ones, so that nobody can tell the design from them; seeded ones for tests."""
    if seed is None:
        return lambda: secrets.token_hex(_ID_BYTES)
    rng = np.random.Generator(np.random.PCG64(seed))
    return lambda: rng.bytes(_ID_BYTES).hex()


def _known(question: Question, pairs: Sequence[str], token: str) -> KeyQuestion:
    side = LEFT if question.left else RIGHT
    expected = None
    if question.kind is Kind.CHECK:
        # sharpness: of a blur, no; authenticity: the shuffled one is the fake; accuracy: itself, or upside down
        accurate = YES if question.left else NO
        expected = {Task.SHARPNESS: NO, Task.AUTHENTICITY: side, Task.ACCURACY: accurate}[question.task]
    return KeyQuestion(
        id=token,
        task=question.task,
        kind=question.kind,
        pair=pairs[question.pair],
        method=question.method,
        fake=side if question.task is Task.AUTHENTICITY else None,
        expected=expected,
    )


class _Pictures:
    """Data URIs of what questions show; each picture is read and encoded once for all pages."""

    def __init__(self, source: Source):
        self._source = source
        self._encoded: dict[tuple[str, ...], str] = {}

    def of(self, question: KeyQuestion) -> list[str]:
        """From left to right."""
        target = self._uri("target", question.pair)
        if question.kind is Kind.CHECK:
            shown = self._uri("check", question.pair, question.task.name, str(question.expected))
        elif question.method != REAL:
            shown = self._uri("made", question.pair, question.method)
        else:  # beside the target another real picture: the reference
            shown = target if question.task is Task.SHARPNESS else self._uri("reference", question.pair)
        if question.task is Task.SHARPNESS:
            return [shown]
        if question.task is Task.ACCURACY:
            return [target, shown]
        return [shown, target] if question.fake == LEFT else [target, shown]

    def _uri(self, *name: str) -> str:
        if name not in self._encoded:
            self._encoded[name] = _encoded(self._picture(*name))
        return self._encoded[name]

    def _picture(self, what: str, pair: str, *rest: str) -> np.ndarray:
        if what == "made":
            return self._source.image(rest[0], pair)
        if what == "reference":
            return self._source.reference(pair)
        target = self._source.target(pair)
        return _check_picture(target, Task[rest[0]], rest[1]) if what == "check" else target


def _check_picture(target: np.ndarray, task: Task, expected: str) -> np.ndarray:
    """(H, W, 3) uint8, a picture about which there can be no two minds."""
    from PIL import Image

    height, width = target.shape[:2]
    if task is Task.SHARPNESS:
        small = Image.fromarray(target).resize((_CHECK_BLUR_PX, _CHECK_BLUR_PX), Image.Resampling.BOX)
        return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    if task is Task.ACCURACY:
        return target if expected == YES else target[::-1]
    tall, wide = height // _CHECK_BLOCKS, width // _CHECK_BLOCKS
    places = [(row * tall, column * wide) for row in range(_CHECK_BLOCKS) for column in range(_CHECK_BLOCKS)]
    shuffled = target.copy()
    for (top, left), (from_top, from_left) in zip(places, reversed(places), strict=True):
        shuffled[top : top + tall, left : left + wide] = target[
            from_top : from_top + tall, from_left : from_left + wide
        ]
    return shuffled


def _content(pictures: _Pictures, asked: Sequence[KeyQuestion], texts: Texts, code: str, lot: str) -> str:
    """What a page asks, as JSON. lot: by which the order of the pictures in the file is drawn."""
    shown = [pictures.of(question) for question in asked]
    there = sorted(
        {uri for uris in shown for uri in uris}, key=lambda uri: hashlib.sha256((lot + uri).encode()).digest()
    )
    places = {uri: place for place, uri in enumerate(there)}
    tasks = []
    for task in Task:
        words = texts.of(task)
        own = [(question.id, uris) for question, uris in zip(asked, shown, strict=True) if question.task is task]
        tasks.append({
            "name": task.name.lower(),
            "heading": words.heading,
            "instructions": _paragraphs(words.instructions),
            "question": words.question,
            "answers": list(ANSWERS[task]),
            "questions": [[name, [places[uri] for uri in uris]] for name, uris in own],
        })  # fmt: skip
    minutes = max(1, round(len(asked) * SECONDS_A_QUESTION / _SECONDS_PER_MINUTE))
    data = {
        "participant": code,
        "consent": _paragraphs(texts.consent.replace("{minutes}", str(minutes))),
        "agree": texts.agree,
        "thanks": _paragraphs(texts.thanks),
        "tasks": tasks,
        "images": there,
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _paragraphs(words: str) -> list[str]:
    return [" ".join(part.split()) for part in words.split("\n\n") if part.strip()]


def _encoded(picture: np.ndarray) -> str:
    """A data URI of the pixels alone, lossless."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "WEBP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _page(content: str, page_sha256: str, texts: Texts) -> str:
    data = page_file.json_text(content)
    return page_file.rendered(_HERE / "page", title=texts.title, data=data, page_sha256=page_sha256)


def _sheet(participant: KeyParticipant) -> str:
    """A sheet to write answers on, for who answers on paper: a line a question."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(SHEET_FIELDS)
    for number, question in enumerate(participant.questions, 1):
        writer.writerow([participant.code, number, question.id, question.task.name.lower(), ""])
    return stream.getvalue()
