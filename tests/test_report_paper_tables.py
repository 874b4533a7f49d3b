"""`bench report --table`: the paper's rows and columns in our numbers, and what is refused to meet in a column."""

import shutil

import pytest
from report_store import add, demo_store, pair_list, record, write_pairs
from test_report_claimed import METRICS
from test_report_latex import compiled
from test_report_write import read_csv
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UserError
from harness.published import load_paper
from harness.records import Budget, MetricValue
from harness.report import FORMATS, Layout
from harness.report.paper_report import write_tables
from harness.report.select import Selection
from harness.report.table import RowGroup

SETTINGS = {name: row.parameters for name, row in load_paper("mrnet-2020").rows.items() if row.parameters}


def paper_record(method, better=0.0, **changes):
    """A record under the paper's protocol, with its metrics; higher-is-better ones up, the others down."""
    lower = ("lpips", "fid")
    values = {key: mean * (1 - better if key in lower else 1 + better) for key, mean in METRICS.items()}
    metrics = {key: MetricValue(mean=value, n=10) for key, value in values.items()}
    dataset = changes.pop("dataset", "penn")
    return record(method, dataset=dataset, protocol="mrnet-2020", metrics=metrics, by_group={}, **changes)


@pytest.fixture
def store(tmp_path):
    return paper_store(tmp_path)


def paper_store(root):
    """On penn: methods out of the paper's order, one it does not have, controls, settings; on bbc two methods."""
    pairs = pair_list()
    write_pairs(root, pairs)
    for place, method in enumerate(("telea", "mrnet", "pg2", "patn", "copy", "target")):
        add(root, paper_record(method, place / 100), pairs)
    for place, (name, parameters) in enumerate(SETTINGS.items()):
        given = tuple(f"methods.mrnet.parameters.{key}={value}" for key, value in parameters.items())
        changed = paper_record("mrnet", place / 50, parameters=parameters | {"width": 8}, overrides=given)
        add(root, changed, pairs, f"mrnet-{name}")
    for place, method in enumerate(("mrnet", "pg2")):
        add(root, paper_record(method, place / 100, dataset="bbc"), pairs)
    return root


def filled(store, *names, selection=None, out=None, **layout):
    return write_tables(store, names, out, selection or Selection(), Layout(**layout))


def test_rows_and_columns_stand_in_the_papers_order_a_block_a_dataset(store):
    (report,) = filled(store, "1")
    table = report.table
    labels = [row.label for row in table.rows if row.group is RowGroup.RANKED]
    assert labels == ["PG²", "Patn", "MR-Net"], "the paper's order, without methods that it does not have"
    groups = [row.group for row in table.rows]
    assert groups[3:] == [RowGroup.CONTROL, RowGroup.PRIVILEGED], "controls and the truth apart"
    keys = ["inception_score", "fid", "ssim", "m_ssim_text", "lpips"]
    assert [column.key for column in table.columns] == [*keys, *keys[:3], "m_ssim_script", keys[4]]
    assert [column.group for column in table.columns] == ["Penn Action"] * 5 + ["BBC-Pose"] * 5
    assert table.title == "All models on Penn Action and BBC-Pose"
    patn = next(row for row in table.rows if row.label == "Patn")
    assert all(patn.values[:5]) and not any(patn.values[5:]), "not run on bbc"


def test_the_best_is_marked_within_a_block_among_the_rows_shown(store):
    (report,) = filled(store, "1")
    ranks = {row.label: [value and value.rank for value in row.values] for row in report.table.rows}
    assert ranks["Patn"][1:5] == [1, 1, 1, 1] and ranks["PG²"][1:5] == [2, 2, 2, 2]
    assert ranks["PG²"][6:] == [1, 1, 1, 1]
    assert set(ranks["Copy"]) == {None}


def test_what_is_under_the_table_says_whose_it_is_where_the_blocks_differ(store):
    pairs = pair_list(3)
    write_pairs(store, pairs)
    for path in (store / "cells" / "bbc").glob("*"):
        shutil.rmtree(path)
    add(store, paper_record("mrnet", dataset="bbc", pairs=pairs, versions={"python": "3.12.0"}), pairs)
    (report,) = filled(store, "1")
    footer = report.table.footer
    assert "Penn Action: Pairs: n = 10, missing 0" in footer and "BBC-Pose: Pairs: n = 6, missing 0" in footer
    assert any(line.startswith("Protocol: mrnet-2020") for line in footer), "said once"
    assert any("without a result here: PN-GAN, DVG, BodyROI7, PoseWarp, G-Pix2Pix" in line for line in footer)


def test_the_ablation_prints_settings_and_takes_a_row_however_it_was_asked_for(store):
    (report,) = filled(store, "3")
    table = report.table
    assert table.stub == ("λ1", "λ2", "RoI", "#Iter.", "#Path", "N.L.")
    assert [row.stub for row in table.rows] == [
        ("0.5", "0.05", "✓", "1", "✓", "✓"),
        ("0.5", "0.05", "✓", "2", "✓", "✓"),
        ("0.5", "0", "✗", "3", "✓", "✓"),
        ("0.5", "0.05", "✓", "3", "✗", "✓"),
        ("0.5", "0.05", "✓", "3", "✓", "✗"),
        ("0", "0.05", "✓", "3", "✓", "✓"),
        ("0.1", "0.05", "✓", "3", "✓", "✓"),
        ("0.5", "0.15", "✓", "3", "✓", "✓"),
        ("0.5", "0.5", "✓", "3", "✓", "✓"),
        ("0.5", "0.05", "✓", "3", "✓", "✓"),
    ]
    pairs = pair_list()
    second = paper_record("mrnet", parameters=SETTINGS["full"] | {"width": 8}, seed=1)
    add(store, second, pairs, "mrnet-full-seed-1")
    (again,) = filled(store, "3")
    full = again.table.rows[-1]
    assert full.seeds == (0, 1) and full.values[0].seeds_sd is not None, "a plain run is a seed of the same row"


def test_published_numbers_stand_beside_ours(store):
    (report,) = filled(store, "1", claimed=True)
    place = [column.label for column in report.table.columns].index("FID (paper)")
    found = {row.label: row.values[place] for row in report.table.rows}
    assert found["PG²"].mean == 61.016 and found["MR-Net"].mean == 18.583 and found["Copy"] is None
    assert report.table.columns[place].group == "Penn Action"
    (ablation,) = filled(store, "3", claimed=True)
    place = [column.label for column in ablation.table.columns].index("FID (paper)")
    assert [row.values[place].mean for row in ablation.table.rows][0] == pytest.approx(28.717)


def test_another_dataset_takes_the_place_of_the_papers(tmp_path):
    store = demo_store(tmp_path)
    (report,) = filled(store, "1", selection=Selection("footage"))
    assert report.table.title == "All models on footage"
    assert [column.key for column in report.table.columns] == ["ssim", "m_ssim"], (
        "in the paper's order; psnr is not its"
    )
    with pytest.raises(UserError, match="on penn, bbc. The store has results on footage; --dataset"):
        filled(store, "1")
    with pytest.raises(UserError, match="penn, bbc, market under protocol mrnet-2020"):
        filled(store, "1", selection=Selection("footage"), claimed=True)


def test_named_methods_take_the_place_of_the_papers_rows(store, tmp_path):
    (report,) = filled(store, "1", selection=Selection("penn", methods=("telea", "mrnet")), out=tmp_path / "mine")
    assert [row.label for row in report.table.rows] == ["MR-Net", "Telea"]
    with pytest.raises(UserError, match="--out"):
        filled(store, "1", selection=Selection("penn", methods=("mrnet",)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"preset": "paper"}, "preset paper"),
        ({"budget": Budget(samples=9, steps=9, batch_size=1, seconds=1.0)}, "9 training samples"),
        ({"protocol": "std-v1"}, "protocol std-v1"),
        ({"split": "action"}, "split action"),
    ],
)
def test_two_grounds_for_one_column_are_refused_and_named(store, changes, words):
    pairs = pair_list()
    other = paper_record("pn_gan").model_copy(update=changes)
    add(store, other, pairs, "other")
    with pytest.raises(UserError, match="their numbers never meet") as refused:
        filled(store, "1")
    assert words in str(refused.value) and "pn_gan" in str(refused.value)


def test_two_pair_lists_are_refused(store):
    pairs = pair_list(4)
    write_pairs(store, pairs)
    add(store, paper_record("pn_gan", pairs=pairs), pairs)
    with pytest.raises(UserError, match="2 pair lists go under one name"):
        filled(store, "1")


def test_of_all_tables_those_are_written_that_can_be_filled(store):
    result = CliRunner().invoke(app, ["report", "--table", "all", "--results", str(store)])
    assert result.exit_code == 0, result.output
    written = {path.name for path in (store / "report").iterdir()}
    ends = (".md", ".csv", ".html", ".tex")
    stems = ("table-1-penn-bbc", "table-3-penn", "table-ablation-penn")
    assert written == {f"{stem}-quick-mrnet-2020{end}" for stem in stems for end in ends}
    assert "note: no table 2: nothing for table 2" in result.output and "people's answers" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "6"], "Valid: 1, 2, 3, 4, 5, ablation, all"),
        (["--table", "5"], "people's answers"),
        (["--table", "2"], "nothing for table 2"),
        (["--table", "1", "--figures", "bars"], "not with --table"),
    ],
)
def test_what_cannot_be_is_said(store, words, said):
    result = CliRunner().invoke(app, ["report", *words, "--results", str(store)])
    assert result.exit_code == 2 and said in result.output and "Traceback" not in result.output


def test_csv_has_the_rows_of_every_block_under_one_heading(store):
    (report,) = filled(store, "1")
    rows = read_csv(report.files["csv"])
    assert {(row["dataset"], row["method"]) for row in rows} >= {("penn", "patn"), ("bbc", "pg2")}
    assert all(row["m_ssim_script"] for row in rows if row["dataset"] == "bbc")


def test_the_page_has_the_settings_and_no_viewer(store):
    words = filled(store, "3", formats=("html",))[0].files["html"].read_text(encoding="utf-8")
    assert '<th scope="col">λ1</th><th scope="col">λ2</th>' in words and 'id="viewer"' not in words


def test_the_same_records_give_the_same_bytes(store):
    def written():
        return {path: path.read_bytes() for report in filled(store, "1", "3") for path in report.files.values()}

    assert written() == written() and len(written()) == 2 * len(FORMATS)


def test_intervals_come_on_demand(store):
    pairs = pair_list()
    ranged = {"fid": MetricValue(mean=30, n=10), "ssim": MetricValue(mean=0.5, low=0.41, high=0.59, n=10, groups=20)}
    add(store, paper_record("dvg").model_copy(update={"metrics": ranged}), pairs)
    plain, full = (filled(store, "1", intervals=on)[0].files["markdown"].read_text() for on in (False, True))
    assert "[0.410, 0.590]" in full and "95 % bootstrap" in full
    assert "[0.410, 0.590]" not in plain and "95 % bootstrap" not in plain


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX is installed")
@pytest.mark.parametrize("name", ["1", "3"])
def test_latex_compiles_as_it_is(store, tmp_path, name):
    (report,) = filled(store, name, formats=("latex",), claimed=True)
    path = report.files["latex"]
    assert "Penn Action" in path.read_text(encoding="utf-8")
    assert compiled(path, tmp_path)


def test_a_report_of_a_suite_holds_what_it_runs_and_controls_in_a_folder_of_its_own(store, tmp_path):
    pairs = pair_list()
    (tmp_path / "mine.yaml").write_text(
        "{name: mine, dataset: penn, methods: [mrnet, pg2], preset: quick, protocol: mrnet-2020}", encoding="utf-8"
    )
    add(store, paper_record("pg2", seed=1), pairs, "pg2-1")
    command = ["report", "--suite", str(tmp_path / "mine.yaml"), "--results", str(store), "--format", "csv"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (path,) = (store / "report" / "mine").glob("*.csv")
    rows = {row["method"]: row["seeds"] for row in read_csv(path)}
    assert rows == {"mrnet": "0", "pg2": "0", "copy": "", "target": ""}, "no ablation, no other seed, no other method"
    (tmp_path / "mine.yaml").write_text(
        "{name: mine, dataset: penn, methods: [dvg], protocol: mrnet-2020}", encoding="utf-8"
    )
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "bench run --suite mine" in result.output
