"""Controls beside methods: which `bench run` adds, the plan, their keys, and where the report sets them apart."""

from dataclasses import replace

import pytest
from report_store import add, pair_list, record, write_pairs
from small_run import arguments, bench
from typer.testing import CliRunner

from harness.cli import app
from harness.controls import CONTROL_CARDS
from harness.plan import RunRequest, Status
from harness.provenance import git_state
from harness.report import Layout, write_all
from harness.report.build import PICTURED_CONTROLS, columns_of_pictures, main_table, not_pictured
from harness.report.select import Entry, comparisons
from harness.report.table import RowGroup
from harness.resolve import resolve
from harness.store import Store

ALL = tuple(CONTROL_CARDS)
FLOORS = [name for name, card in CONTROL_CARDS.items() if not card.privileged]


def with_controls(folder, methods, *more):
    """`bench run` as a user types it, in a folder of the small preset."""
    words = [word for word in arguments(folder, methods, *more) if word != "--no-controls"]
    return CliRunner().invoke(app, words)


def request(tmp_path, *methods, **options):
    return RunRequest(methods=methods, dataset="synthetic", preset="smoke", results=tmp_path / "results", **options)


def test_bench_run_adds_every_control_and_no_controls_leaves_them_out(tmp_path):
    done = with_controls(tmp_path, "tiny,copy", "--limit", "4")
    assert done.exit_code == 0, done.output
    made = sorted(path.parent.name.rpartition("-")[0] for path in (tmp_path / "results/cells").rglob("record-*.json"))
    assert made == sorted((*ALL, "tiny"))
    written = [found for _, found in Store(tmp_path / "results").records()]
    assert {found.git for found in written} == {git_state()}
    again = with_controls(tmp_path, "tiny,copy", "--limit", "4")
    assert "nothing to do" in again.output
    alone = bench(tmp_path / "alone", "tiny,mean", "--limit", "4")
    assert alone.exit_code == 0
    made = [path.name.rpartition("-")[0] for path in (tmp_path / "alone/results/cells/synthetic").iterdir()]
    assert sorted(made) == ["mean", "tiny"]


def test_the_plan_shows_methods_as_asked_for_then_the_other_controls(tmp_path):
    plan = resolve(request(tmp_path, "mean", "mrnet", controls=True))
    assert [cell.method for cell in plan.cells] == ["mean", "mrnet", *(name for name in ALL if name != "mean")]
    assert {cell.status for cell in plan.cells} == {Status.TO_DO}
    assert [cell.method for cell in resolve(request(tmp_path, "mean", "mrnet")).cells] == ["mean", "mrnet"]
    shown = with_controls(tmp_path, "tiny", "--plan").output
    assert all(f"to do   {name}: images, scores, record" in shown for name in ALL)


def test_controls_asked_for_alone_get_the_others_beside_them(tmp_path):
    assert {cell.method for cell in resolve(request(tmp_path, "copy", controls=True)).cells} == set(ALL)


def test_where_all_that_was_asked_for_is_refused_no_control_runs(tmp_path):
    done = with_controls(tmp_path, "picky")
    assert done.exit_code == 2
    assert "nothing could run" in done.output and "picky needs sides" in done.output
    assert not (tmp_path / "results").exists()


def test_keys_hold_the_training_pairs_of_the_controls_that_look_at_them(tmp_path):
    cells = {cell.method: cell.spec for cell in resolve(request(tmp_path, "copy", controls=True)).cells}
    assert {name for name, spec in cells.items() if spec.train_pair_list_hash} == {"mean", "nearest", "paste"}
    assert {name for name, spec in cells.items() if spec.ranked} == set(FLOORS)
    assert len({spec.key for spec in cells.values()}) == len(ALL)


@pytest.fixture
def store(tmp_path):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    for name in ("mrnet", *ALL):
        add(tmp_path, record(name, pairs, title=CONTROL_CARDS[name].title if name in ALL else "MR-Net"), pairs)
    return tmp_path


def comparison_of(store):
    (comparison,) = comparisons([Entry(result, path.parent) for path, result in Store(store).records()])
    return comparison


def test_the_table_sets_controls_apart_and_privileged_ones_last(store):
    rows = main_table(comparison_of(store)).rows
    groups = {group: [row.method for row in rows if row.group is group] for group in RowGroup}
    assert groups[RowGroup.RANKED] == ["mrnet"]
    assert groups[RowGroup.CONTROL] == sorted(FLOORS) and groups[RowGroup.PRIVILEGED] == ["blur", "target"]
    assert not any(value.rank for row in rows for value in row.values if value)


def test_the_picture_keeps_three_controls_and_says_which_it_leaves_out(store):
    comparison = comparison_of(store)
    titles = [title for title, _, _ in columns_of_pictures(comparison)]
    assert titles == ["MR-Net", *(CONTROL_CARDS[name].title for name in sorted(PICTURED_CONTROLS))]
    (paths,) = write_all(store, layout=Layout(rows=2))
    assert "Controls in the table and not here: Noise, Cut and paste." in paths.files["markdown"].read_text()


def test_without_a_method_every_control_is_pictured(store):
    comparison = comparison_of(store)
    entries = tuple(entry for entry in comparison.entries if entry.record.method != "mrnet")
    alone = replace(comparison, entries=entries)
    assert not_pictured(alone) == ()
    assert len(columns_of_pictures(alone)) == len(FLOORS)
