"""Reports are what they were: text by text, numbers of the CSV to a part in a billion."""

import csv
import io

import pytest
from golden_report import FOLDER, documents

NAMES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return documents(tmp_path_factory.mktemp("golden"))


def test_every_format_of_every_document_has_a_golden_file(made):
    assert sorted(made) == NAMES
    assert {name.rpartition(".")[2] for name in NAMES} == {"md", "csv", "html", "tex"}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".csv")])
def test_the_text_is_the_golden_one(made, name):
    assert made[name] == (FOLDER / name).read_text(encoding="utf-8"), "python tests/golden_report.py renews it"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".csv")])
def test_the_numbers_are_the_golden_ones(made, name):
    ours, theirs = (list(csv.DictReader(io.StringIO(words))) for words in (made[name], (FOLDER / name).read_text()))
    assert len(ours) == len(theirs) and list(ours[0]) == list(theirs[0])
    for row, golden in zip(ours, theirs, strict=True):
        for field, words in golden.items():
            assert row[field] == words or float(row[field]) == pytest.approx(float(words), rel=1e-9), field
