"""`bench report --claimed`: published numbers stand where they may, beside ours, and nowhere else."""

import pytest
from report_store import add, demo_store, pair_list, record, write_one, write_pairs
from test_report_write import read_csv
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UserError
from harness.published import load_paper
from harness.records import MetricValue
from harness.report.select import Selection

METRICS = {"ssim": 0.5, "m_ssim_text": 0.4, "m_ssim_script": 0.9, "lpips": 0.2, "fid": 30.0, "inception_score": 4.0}


@pytest.fixture
def store(tmp_path):
    """MR-Net, one of its settings, PG² and a method that no paper has, on penn under the paper's protocol."""
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    for method in ("mrnet", "pg2", "telea"):
        add(tmp_path, penn(method, pairs), pairs)
    setting = {"lambda1": 0.5, "lambda2": 0.05, "passes": 1, "two_path": True, "non_local": True, "width": 8}
    changed = penn("mrnet", pairs, parameters=setting, overrides=("methods.mrnet.parameters.passes=1",))
    add(tmp_path, changed, pairs, "mrnet-one-pass")
    return tmp_path


def penn(method, pairs, **changes):
    metrics = {key: MetricValue(mean=mean, n=10) for key, mean in METRICS.items()}
    return record(method, pairs, dataset="penn", protocol="mrnet-2020", metrics=metrics, by_group={}, **changes)


def test_published_numbers_stand_beside_ours_and_are_never_ranked(store):
    report = write_one(store, claimed=True)
    by_fid = {row["fid_claimed"] for row in read_csv(report.files["csv"])}
    paper = load_paper("mrnet-2020")
    assert {paper.cell(name, "penn", "FID").printed for name in ("mrnet", "pg2")} <= by_fid
    keys = [column.key for column in report.table.columns]
    for key in ("ssim", "m_ssim_text", "lpips", "fid", "inception_score"):
        assert keys.index(f"{key}_claimed") == keys.index(key) + 1
    assert "m_ssim_script_claimed" not in keys, "Table I's M-SSIM on penn is the text's"
    claimed = [at for at, key in enumerate(keys) if key.endswith("_claimed")]
    assert all(row.values[at] is None or row.values[at].rank is None for row in report.table.rows for at in claimed)


def test_a_setting_gets_its_row_of_the_ablation_and_an_unknown_method_none(store):
    table = write_one(store, claimed=True).table
    place = [column.key for column in table.columns].index("fid_claimed")
    found = {row.label: row.values[place] for row in table.rows}
    assert {value.mean for label, value in found.items() if label.startswith("MR-Net")} == {18.583, 28.717}
    assert [value for label, value in found.items() if "elea" in label] == [None]


def test_the_table_says_what_the_numbers_are_and_which_to_beware_of(store):
    words = write_one(store, claimed=True).files["markdown"].read_text(encoding="utf-8")
    assert "pairs not verifiable, never ranked" in words and "| paper: FID |" in words
    assert "inside the person's box" in words and "(PG²)" in words


def test_without_the_option_nothing_published_is_shown(store):
    assert not any(column.key.endswith("_claimed") for column in write_one(store).table.columns)


def test_another_dataset_or_protocol_is_refused_with_what_would_do(tmp_path, store):
    other = demo_store(tmp_path / "demo")
    with pytest.raises(UserError, match="penn, bbc, market under protocol mrnet-2020"):
        write_one(other, claimed=True)
    result = CliRunner().invoke(app, ["report", "--results", str(other), "--claimed"])
    assert result.exit_code == 2 and "bench rescore --protocol" in result.output


def test_beside_a_comparison_that_qualifies_others_stay_as_they_are(store):
    pairs = pair_list()
    add(store, record("mrnet", pairs), pairs, "mrnet-footage")
    plain = write_one(store, selection=Selection("footage"))
    with pytest.raises(UserError):
        write_one(store, selection=Selection("footage"), claimed=True)
    assert not any(column.key.endswith("_claimed") for column in plain.table.columns)
