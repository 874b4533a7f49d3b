"""The report's files, from a store on disk: Markdown, CSV, the terminal, the command."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from report_store import add, demo_store, pair_list, record, write_one, write_pairs
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from harness.commands.report import report
from harness.errors import UserError
from harness.report import write_all
from harness.report.console import print_table
from harness.report.select import Selection


@pytest.fixture
def store(tmp_path):
    return demo_store(tmp_path / "results")


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_the_same_records_give_the_same_bytes(store, tmp_path):
    first, second = write_one(store, tmp_path / "a"), write_one(store, tmp_path / "b")
    for name in ("markdown", "csv", "grid"):
        assert first.files[name].read_bytes() == second.files[name].read_bytes(), name
    assert first.files["markdown"].name == "footage-video-32x24-quick-offline-v1.md"


def test_reports_go_into_the_store_unless_told_otherwise(store):
    assert write_one(store, selection=Selection("footage", "offline-v1")).files["markdown"].parent == store / "report"


def test_markdown_holds_rows_parts_picture_and_footer(store):
    words = write_one(store).files["markdown"].read_text(encoding="utf-8")
    rows = [line for line in words.splitlines() if line.startswith("|")]
    assert rows[0].startswith("| Method | M-SSIM ↑ | box-LPIPS ↓ |")
    assert rows[2].startswith("| MR-Net | 0.500 [0.490, 0.510] | 0.200 |")
    assert len({row.count(" | ") for row in rows[:8]}) == 1
    assert (
        words.index("controls: floors") < words.index("| Copy") < words.index("the ceiling") < words.index("| Target")
    )
    assert "](footage-video-32x24-quick-offline-v1.png)" in words and "lab-cam01 M-SSIM" in words
    assert "**0" not in words and "BSD-3-Clause" in words and "no general claim" in words


def test_markdown_marks_best_and_second(store):
    pairs = pair_list()
    add(store, record("pg2", pairs, 0.15), pairs)
    words = write_one(store).files["markdown"].read_text(encoding="utf-8")
    assert "**0.550 [0.540, 0.560]**" in words and "<u>0.500 [0.490, 0.510]</u>" in words


def test_csv_keeps_full_precision_and_has_a_row_a_method_and_track(store):
    pairs = pair_list()
    add(store, record("pg2", pairs, 1 / 3), pairs)
    rows = read_csv(write_one(store).files["csv"])
    (whole,) = [row for row in rows if row["method"] == "pg2" and row["scope"] == "all"]
    assert float(whole["m_ssim"]) == 0.4 + 1 / 3 and whole["kd_efficientnet_lite0_small_set"] == "yes"
    assert whole["pair_list_hash"] == pairs.hash and whole["group"] == "ranked"
    assert {row["scope"] for row in rows} == {"all", "lab-cam01", "lab-cam02"}
    (track,) = [row for row in rows if row["method"] == "copy" and row["scope"] == "lab-cam02"]
    assert float(track["m_ssim"]) == 0.4 + 0.01


def test_a_plumbing_check_shows_no_number_in_any_format(tmp_path):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    add(tmp_path, record("mrnet", pairs, preset="smoke", ranked=False), pairs)
    add(tmp_path, record("copy", pairs), pairs)
    paths = write_one(tmp_path)
    console = Console(file=io.StringIO(), width=200)
    print_table(paths.table, console)
    for words in (paths.files["markdown"].read_text(encoding="utf-8"), console.file.getvalue()):
        assert "plumbing check: these numbers are not results" in words
        assert "0.4" not in words and "18.0" not in words
    assert all(row["m_ssim"] == "" and row["note"] for row in read_csv(paths.files["csv"]))


def test_the_terminal_shows_every_row_and_the_footer(store):
    console = Console(file=io.StringIO(), width=200)
    print_table(write_one(store).table, console)
    words = console.file.getvalue()
    for part in ("MR-Net", "Copy (floor)", "Target (ceiling)", "0.500 [0.490, 0.510]", "Protocol: offline-v1"):
        assert part in words


def test_each_comparison_of_the_store_gets_its_report(store):
    pairs = pair_list()
    add(store, record("mrnet", pairs, preset="paper"), pairs, "mrnet-paper")
    assert {paths.files["markdown"].stem for paths in write_all(store)} == {
        "footage-video-32x24-paper-offline-v1",
        "footage-video-32x24-quick-offline-v1",
    }
    assert "quick" in write_one(store, selection=Selection(preset="quick")).files["markdown"].name


def test_a_report_of_chosen_methods_holds_these_alone_and_needs_a_folder(store, tmp_path):
    paths = write_one(store, tmp_path / "chosen", Selection(methods=("mrnet", "copy")))
    words = paths.files["markdown"].read_text(encoding="utf-8")
    assert "| MR-Net" in words and "| Copy" in words and "| Target" not in words
    with pytest.raises(UserError, match="--out DIR"):
        write_all(store, selection=Selection(methods=("mrnet",)))
    with pytest.raises(UserError, match="Did you mean 'mrnet'"):
        write_all(store, tmp_path / "none", Selection(methods=("mrne",)))


def test_many_methods_go_down_the_terminal_and_few_go_across(store):
    def first_column():
        console = Console(file=io.StringIO(), width=200)
        print_table(write_one(store).table, console)
        return [line.split("│")[1].strip() for line in console.file.getvalue().splitlines() if line.startswith("│")]

    assert first_column()[0] == "M-SSIM ↑"
    pairs = pair_list()
    for method in ("pg2", "dvg"):
        add(store, record(method, pairs), pairs)
    assert first_column() == ["Dvg", "MR-Net", "PG²", "Copy (floor)", "Mean (floor)", "Target (ceiling)"]


def test_an_empty_store_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="bench run"):
        write_all(tmp_path)


def test_an_edited_pair_list_is_refused(store):
    (path,) = store.glob("pairs/*/pairs.csv")
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="hash"):
        write_one(store)


@pytest.fixture
def app():
    result = Typer()
    result.command()(report)
    return result


def test_the_command_writes_what_it_prints(store, tmp_path, app):
    arguments = ["--results", str(store), "--out", str(tmp_path / "out"), "--format", "csv", "--rows", "2"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["footage-video-32x24-quick-offline-v1.csv", "footage-video-32x24-quick-offline-v1.png"]
    printed = done.output.replace("\n", "")
    assert all(name in printed for name in written)


def test_the_command_names_an_unknown_format(store, app):
    done = CliRunner().invoke(app, ["--results", str(store), "--format", "odt"])
    assert isinstance(done.exception, UserError) and "markdown" in str(done.exception)


def test_the_command_module_imports_nothing_heavy():
    code = (
        "import sys, harness.commands.report; "
        "print([m for m in ('torch', 'pandas', 'matplotlib', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1], check=True
    )
    assert done.stdout.strip() == "[]"
