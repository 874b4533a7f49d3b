"""Published numbers: as printed, which are bold, and what is to be known of them."""

import re
from pathlib import Path

import pytest
import yaml

from benchmarks import ROOT
from harness import config
from harness.errors import UserError
from harness.published import NOT_PRINTED, Paper, load_paper

PAPER = load_paper("mrnet-2020")
TEXT = Path(__file__).parents[2] / "shared" / "paper" / "mrnet-tip2020.md"

UNBOLD_BEST = {
    # as good as the bold value of the column, or better, and not bold
    ("III", "bbc", "SSIM", "one-path"),
    ("III", "bbc", "M-SSIM", "one-path"),
}
ROWS_IN_PRINT = {"one-pass", "two-passes", "no-roi", "one-path", "local", "full"}


def columns():
    """(table, dataset, metric, values by row) of every column."""
    for table in PAPER.tables:
        for dataset, rows in table.values.items():
            for place, metric in enumerate(table.metrics):
                yield table, dataset, metric, {row: printed[place] for row, printed in rows.items()}


def test_the_best_of_every_column_is_bold_and_every_bold_value_is_the_best():
    unbold = set()
    for table, dataset, metric, printed in columns():
        rows = [row for row in printed if row != PAPER.truth and PAPER.cell(row, dataset, metric)]
        values = {row: float(printed[row].strip("*")) for row in rows}
        best = (max if PAPER.metrics[metric].higher_is_better else min)(values.values())
        bold = {row for row in rows if printed[row].startswith("**")}
        where = (table.name, dataset, metric)
        assert all(values[row] == best for row in bold), where
        assert bold or table.name == "V", f"nothing is bold in {where}"
        if bold:
            unbold |= {(*where, row) for row in rows if values[row] == best and row not in bold}
    assert unbold == UNBOLD_BEST


def test_each_unbold_best_value_carries_a_warning():
    for _, dataset, metric, row in UNBOLD_BEST:
        assert any("alone is bold" in it.words for it in PAPER.cell(row, dataset, metric).warnings)


@pytest.mark.skipif(not TEXT.is_file(), reason="the paper's text is not here")
def test_every_number_is_the_papers():
    lines = [re.sub(r"</?b>", "**", line) for line in TEXT.read_text(encoding="utf-8").splitlines()]
    starts = {name: lines.index(f"TABLE {name}") for name in ("I", "II", "III", "IV", "V")}
    number = re.compile(r"^(\*\*)?\d+\.\d+(\*\*)?$")
    for table in PAPER.tables:
        width = len(table.metrics) * len(table.values)
        found = []
        for line in lines[starts[table.name] :]:
            cells = line.split("\t")
            body = cells[-width:]
            if len(cells) > width and all(number.match(cell) or cell == NOT_PRINTED for cell in body):
                found.append(body)
            elif found and not line.strip():
                break
        first, *others = table.values.values()
        ours = [[*printed, *(cell for other in others for cell in other[row])] for row, printed in first.items()]
        assert found == ours, table.name


def test_the_two_kinds_of_m_ssim_of_table_one_are_told_apart():
    low = {row for row in PAPER.competitors("penn") if PAPER.cell(row, "penn", "M-SSIM").value < 0.5}
    for row in (*PAPER.competitors("penn"), "mrnet"):
        cell = PAPER.cell(row, "penn", "M-SSIM")
        assert any(("the text's" if row in low else "the script's") in it.words for it in cell.warnings), row
    assert low == {"pg2", "pn_gan", "posewarp", "patn"}


def test_a_cell_knows_its_table_and_absent_ones_are_none():
    assert PAPER.cell("mrnet", "market", "FID").printed == "52.841" and PAPER.cell("mrnet", "market", "FID").bold
    assert PAPER.cell("posewarp", "bbc", "FID") is None, "a dash"
    assert PAPER.cell("pg2", "market", "FID") is None, "no row in Table II"
    assert PAPER.cell("pg2", "market", "Au").table == "V"
    assert PAPER.cell("mrnet", "footage", "FID") is None


def test_our_metrics_are_the_papers_under_its_protocol_alone():
    assert PAPER.metric_of("penn", "m_ssim_text") == "M-SSIM" and PAPER.metric_of("penn", "m_ssim_script") is None
    assert PAPER.metric_of("bbc", "m_ssim_script") == "M-SSIM"
    assert PAPER.metric_of("bbc", "fd_efficientnet_lite0") is None and PAPER.metric_of("bbc", "psnr") is None


def test_competitors_are_in_the_tables_order_without_the_papers_own_row():
    assert PAPER.competitors("bbc") == ("pg2", "pn_gan", "dvg", "patn", "guided_pix2pix")
    assert PAPER.competitors("market") == ("pn_gan", "dvg", "patn", "guided_pix2pix", "pg2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data["tables"][0]["values"]["penn"]["pg2"].pop(), "not 5 values of a known row"),
        (lambda data: data["tables"][0]["values"]["penn"].update(patm=["1"] * 5), "not 5 values of a known row"),
        (lambda data: data["metrics"].pop("IS"), "`metrics` does not explain"),
        (lambda data: data["warnings"][0].update(rows=["pg3"]), "a warning names rows that are not there"),
        (lambda data: data.update(pages=10), "unknown key 'pages'"),
    ],
)
def test_a_paper_that_contradicts_itself_is_refused_with_its_file(tmp_path, change, words):
    data = yaml.safe_load((ROOT / "published" / "mrnet-2020.yaml").read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(UserError, match=words) as error:
        load_paper(str(path))
    assert str(path) in str(error.value)


def test_shipped_papers_are_called_as_their_files():
    for name in config.names("published"):
        assert isinstance(load_paper(name), Paper) and load_paper(name).name == name
