"""A small study for tests: a results folder, its packet, and answer files as the page saves them."""

from __future__ import annotations

import json
import zlib

import numpy as np
from report_store import write_pairs
from test_report_certainty import pair_list, write

from harness.report import stored
from harness.report.select import Selection
from harness.study.design import Kind, Task
from harness.study.key import LEFT, NO, RIGHT, YES
from harness.study.packet import Plan, make
from harness.study.source import Source
from harness.study.texts import load_texts

METHODS = ("mrnet", "patn", "pg2")
CLIPS = 6


def study_store(root):
    """Three methods, an ablation of one, and controls, over 24 pairs, with values by pair."""
    pairs = pair_list(CLIPS)
    write_pairs(root, pairs)
    for method, better in (("mrnet", 0.05), ("pg2", 0.02), ("patn", -0.02), ("copy", -0.1), ("target", 0.3)):
        write(root, method, pairs, better, 0.02)
    write(root, "mrnet", pairs, 0.2, 0.02, "mrnet-changed", parameters={"passes": 1}, overrides=("passes=1",))
    return root


def packet_of(folder, participants=4, images=12, seed=0):
    """(packet folder, key) of the small store."""
    store, entries = stored(study_store(folder / "results"))
    source = Source(store, entries, Selection())
    out = folder / "packet"
    return out, make(source, Plan(participants, images, seed, code_seed=1), load_texts(None), out)


def truthful(question):
    """Checks right; methods better in the order mrnet, pg2, patn; real pictures clear; nobody fooled but by mrnet."""
    if question.kind is Kind.CHECK:
        return question.expected
    if question.task is Task.AUTHENTICITY:
        other = LEFT if question.fake == RIGHT else RIGHT
        return other if question.method == "mrnet" else question.fake
    good = {"mrnet": 1.0, "real": 1.0, "pg2": 0.6, "patn": 0.1}[question.method]
    draw = np.random.Generator(np.random.PCG64(zlib.crc32(f"{question.pair} {question.method}".encode()))).random()
    return YES if draw < good else NO


def answers_of(own, how=truthful, **changes):
    """A participant's file, as the page saves it."""
    found = {
        "schema": 1,
        "participant": own.code,
        "page": own.page_sha256,
        "started": "2026-01-01T10:00:00.000Z",
        "finished": "2026-01-01T10:20:00.000Z",
        "answers": [{"id": it.id, "answer": how(it), "ms": 1500} for it in own.questions],
    }
    return found | changes


def send(folder, participant, name="", **changes):
    """Write a participant's answers into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / (name or f"answers-{participant.code}.json")
    path.write_text(json.dumps(answers_of(participant, **changes)), encoding="utf-8")
    return path
