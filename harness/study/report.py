"""Writing what a study's answers say, in every format of the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness import config
from harness.errors import UserError
from harness.published import Paper, PublishedTable, load_paper
from harness.report import check_formats, html, latex, markdown, write_documents
from harness.report.table import Table
from harness.study import answers
from harness.study.key import KEY, Key, read_key
from harness.study.packet import MANIFEST, key_folder
from harness.study.score import as_csv, evaluate, tables

STEM = "user-study"


def write(
    packet: Path, folder: Path, key_path: Path | None, out: Path, formats: Sequence[str], most_failed_checks: int
) -> tuple[Table, list[Path]]:
    """Read answers, hold them against the key, and write the tables; Table V and the files.

    UserError for a key that is not the packet's, an unknown format, and as `answers.read`.
    """
    check_formats(formats)
    key = _key_of(packet, key_path or key_folder(packet) / KEY)
    reading = answers.read(key, folder, most_failed_checks)
    evaluation = evaluate(key, reading)
    found = tables(evaluation, _paper_of(key))
    documents = {
        "markdown": lambda: markdown.document(found),
        "csv": lambda: as_csv(evaluation),
        "html": lambda: html.page(found),
        "latex": lambda: latex.document(found, STEM, found[0].footer[:3]),
    }
    return found[0], list(write_documents(out, STEM, formats, documents).values())


def _key_of(packet: Path, path: Path) -> Key:
    """The key, if it is the one that the packet commits to."""
    key, sha256 = read_key(path)
    try:
        committed = json.loads((packet / MANIFEST).read_text(encoding="utf-8"))["key_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{packet} is no packet: {MANIFEST} cannot be read ({error})") from error
    if sha256 != committed:
        raise UserError(
            f"{path} is not the key that {packet / MANIFEST} was made with: it is another study's, or was changed"
        )
    return key


def _paper_of(key: Key) -> Paper | None:
    """The paper with a user study on the same dataset, if there is one."""
    dataset = key.dataset.removeprefix("prepared-")
    papers = map(load_paper, config.names("published"))
    return next((it for it in papers if any(_asks_people(it, table, dataset) for table in it.tables)), None)


def _asks_people(paper: Paper, table: PublishedTable, dataset: str) -> bool:
    return dataset in table.values and not any(paper.metrics[metric].keys for metric in table.metrics)
