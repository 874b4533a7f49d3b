"""The LaTeX report: marks, escapes, and a document that compiles as it is."""

import shutil
import subprocess

import pytest
from report_store import add, demo_store, pair_list, record, write_one

HOSTILE = r"50 % & #1_x {y} ~ ^ \input λ² ≈ ± × †"


@pytest.fixture
def store(tmp_path):
    root = demo_store(tmp_path / "results")
    pairs = pair_list()
    add(root, record("pg2", pairs, 0.05, title=HOSTILE), pairs)
    return root


def tex_of(store, **layout):
    return write_one(store, formats=("latex",), **layout).files["latex"]


def compiled(path, folder):
    """The PDF that pdflatex makes of a document."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={folder}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:]
    return folder / f"{path.stem}.pdf"


def test_best_is_bold_second_underlined_and_rules_are_booktabs(store):
    words = tex_of(store).read_text(encoding="utf-8")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\textbf{", r"\underline{", "Protocol"):
        assert part in words


def test_the_same_records_give_the_same_bytes(store):
    first = tex_of(store).read_bytes()
    assert tex_of(store).read_bytes() == first


def test_intervals_come_on_demand_in_every_column(store):
    assert tex_of(store, intervals=True).read_text().count("[") > tex_of(store).read_text().count("[")


def test_intervals_reach_every_format_that_shows_them(store):
    for name in ("markdown", "html"):
        plain, full = (
            write_one(store, formats=(name,), intervals=on).files[name].read_text(encoding="utf-8").count("[0.")
            for on in (False, True)
        )
        assert full > plain > 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX is installed")
@pytest.mark.parametrize("intervals", [False, True])
def test_it_compiles_as_it_is_whatever_the_titles_hold(store, tmp_path, intervals):
    path = tex_of(store, intervals=intervals)
    assert compiled(path, tmp_path).stat().st_size > 5000
