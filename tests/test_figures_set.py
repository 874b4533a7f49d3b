"""`bench report --figures`: what is written, what the captions say, what is skipped and why, and that bytes hold."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from report_store import SIZE_PX, add, keep_scores, pair_list, record, write_one, write_pairs
from typer.testing import CliRunner

from harness import config
from harness.cli import app
from harness.errors import UserError
from harness.images import write_png
from harness.records import Budget, Cost, MetricValue
from harness.report.build import main_table, shown_apart
from harness.report.curves import smoothed, terms, trainings
from harness.report.figure_spec import FOLDER, FigureSpec, load_figures
from harness.report.number_figures import bars, sample_lines
from harness.report.select import Entry, comparisons
from harness.resolve import all_cards
from harness.store import Store, mask_path
from methods import registry

COST = Cost(
    parameters=2_000_000, multiply_adds=None, latency_s=0.02, batch_latency_s=0.1, batch=8, peak_mb=None, device="cpu",
    threads=1, load=None,
)  # fmt: skip
KEY = "d" * 64


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """MR-Net and PG² with values by pair, cost and a log, beside copy; the pairs' values grow along the list."""
    root = tmp_path_factory.mktemp("figures")
    pairs = pair_list()
    write_pairs(root, pairs)
    for method, better in (("mrnet", 0.1), ("pg2", 0.05), ("copy", 0.0)):
        trained = {} if method == "copy" else {"cost": COST, "training_key": KEY if method == "mrnet" else "e" * 64}
        result = record(method, pairs, better, **trained)
        cell = add(root, result, pairs)
        values = [place / 100 for place in range(len(pairs))]
        groups = [pair.target.partition("/")[0] for pair in pairs.pairs]
        frame = {"pair": [pair.id for pair in pairs.pairs], "group": groups, "m_ssim": values, "box_lpips": values}
        keep_scores(cell, result, pd.DataFrame(frame))
    model = root / "models" / f"mrnet-{KEY[:12]}"
    model.mkdir(parents=True)
    rows = "".join(f"{step},0.001,1.0,{1 / (step + 1)},{2 / (step + 1)}\n" for step in range(40))
    (model / "train.csv").write_text(f"step,learning_rate,seconds,total,roi\n{rows}")
    return root


@pytest.fixture(scope="module")
def written(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("written")
    return write_one(store, out, rows=1, figures=("all",))


def entries(*records):
    return [Entry(found, None) for found in records]


def test_every_shipped_figure_is_called_as_its_file_and_names_methods_there_are():
    for name in config.names(FOLDER):
        (spec,) = load_figures([name])
        assert spec.name == name
        for column in spec.columns:
            method = column.replace("*", "pg2")
            assert registry.card(method), name
        assert spec.pairs.method in all_cards()
    papers = {spec.name for spec in load_figures(["paper"])}
    assert {"fig05-methods", "fig14-failures"} <= papers and not papers & {"bars", "curves"}


def test_each_figure_is_there_as_png_and_pdf_or_skipped_with_the_reason(written):
    folder = written.files["figures"].parent
    stems = {path.stem for path in folder.glob("*.png")}
    assert stems == {path.stem for path in folder.glob("*.pdf")}
    skipped = {name.removeprefix("figure ") for name in written.skipped}
    assert stems | skipped == set(config.names(FOLDER)) and not stems & skipped
    assert {"bars", "cost", "curves", "fig14-failures", "fig02-task"} <= stems
    captions = written.files["figures"].read_text(encoding="utf-8")
    for name, reason in written.skipped.items():
        assert f"- {name.removeprefix('figure ')}: {reason}" in captions
    assert "union-crop(*)" in written.skipped["figure fig11-union-crop"]
    assert "two numbers of samples" in written.skipped["figure samples"]
    assert all(path.read_bytes()[:5] == b"%PDF-" for path in folder.glob("*.pdf"))


def test_captions_tell_the_choice_and_the_missing_columns(written):
    captions = written.files["figures"].read_text(encoding="utf-8")
    failures = captions[captions.index("## fig14-failures") : captions.index("## fig15")]
    assert "worst box-LPIPS of MR-Net among 10" in failures and "Under each picture: its box-LPIPS" in failures
    # box-LPIPS grows along the list and lower is better: the last pair of the last clip is the worst
    assert "1\u00a0lab-cam02_0004__0005" in failures
    task = captions[captions.index("## fig02-task") : captions.index("## fig05")]
    assert "drawn with seed 0 from 10" in task and "without a record here: dvg, pn_gan" in task


def test_the_same_store_gives_the_same_bytes(store, written, tmp_path):
    names = ("bars", "curves", "fig14-failures")
    again = write_one(store, tmp_path, rows=1, figures=names).files["figures"].parent
    for name in names:
        for ending in ("png", "pdf"):
            first = written.files["figures"].parent / f"{name}.{ending}"
            assert (again / first.name).read_bytes() == first.read_bytes(), first.name


def test_a_figure_of_the_users_own_shows_the_pairs_it_names(store, tmp_path):
    own = {
        "name": "mine", "title": "mine", "kind": "grid", "columns": ["pg2", "mrnet"],
        "pairs": {"how": "ids", "ids": ["lab-cam02_0001__0002"]},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(own))
    report = write_one(store, tmp_path / "out", rows=1, figures=(str(tmp_path / "mine.yaml"),))
    assert "chosen by name: 1\u00a0lab-cam02_0001__0002" in report.files["figures"].read_text(encoding="utf-8")


def test_a_figure_of_masks_shows_the_stored_masks_and_names_who_has_none(store, tmp_path):
    shutil.copytree(store, tmp_path / "store")
    for pair in pair_list().pairs:
        white = np.full((*SIZE_PX, 3), 255, np.uint8)
        write_png(mask_path(tmp_path / "store" / "cells" / "footage" / "mrnet-0", pair.id), white)
    own = {"name": "m", "title": "m", "kind": "grid", "columns": ["pg2", "mrnet", "copy"], "show": "masks"}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(own | {"columns": ["mrnet"]}))
    report = write_one(tmp_path / "store", tmp_path / "out", rows=1, figures=(str(tmp_path / "m.yaml"),))
    captions = report.files["figures"].read_text(encoding="utf-8")
    assert "White: what the method takes for the person in the reference." in captions
    with Image.open(report.files["figures"].parent / "m.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert (pixels[80:-80, -60:-20] == 255).mean() > 0.9, "the last column is white"
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(own))
    report = write_one(tmp_path / "store", tmp_path / "out", rows=1, figures=(str(tmp_path / "m.yaml"),))
    assert "only MR-Net has a mask" in report.skipped["figure m"] and "PG²" in report.skipped["figure m"]


def test_an_unknown_figure_is_told_with_the_nearest_and_no_traceback(store, tmp_path):
    given = ["report", "--results", str(store), "--out", str(tmp_path), "--figures", "brs"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2 and "Did you mean 'bars'?" in result.output
    assert not list(tmp_path.iterdir()), "nothing is written before the names are known"


def test_what_is_not_ranked_is_marked_under_its_title():
    assert shown_apart(record("mrnet", settled=False)) == "not settled"
    assert shown_apart(record("copy")) == "control" and shown_apart(record("mrnet")) == ""


def test_figures_are_listed_with_what_they_repeat():
    listed = CliRunner().invoke(app, ["list", "figures"]).output
    assert "fig09-lambda: the weights of the losses (Xu et al., IEEE TIP 2020, Fig. 9)" in listed
    assert [line.partition(":")[0] for line in listed.splitlines()] == config.names(FOLDER)


@pytest.mark.parametrize(
    "changes", [{"columns": []}, {"kind": "bars"}, {"ablation": "lambda"}, {"pairs": {"how": "ids"}}]
)
def test_a_figure_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError):
        FigureSpec.model_validate({"name": "f", "title": "t", "kind": "grid", "columns": ["mrnet"]} | changes)


def test_a_plumbing_preset_draws_no_numbers(tmp_path):
    pairs = pair_list()
    write_pairs(tmp_path, pairs)
    add(tmp_path, record("mrnet", pairs, ranked=False), pairs)
    report = write_one(tmp_path, rows=1, figures=("bars", "fig14-failures"))
    assert set(report.skipped) == {"figure bars", "figure fig14-failures"}
    assert "plumbing" in report.skipped["figure bars"] and not list(report.files["figures"].parent.glob("*.p*"))


def test_whiskers_of_bars_are_the_records_intervals():
    found = record("mrnet", better=0.1)
    (comparison,) = comparisons(entries(found, record("copy")))
    figure, caption = bars(main_table(comparison))
    assert "95 % bootstrap interval" in caption
    panel = next(ax for ax in figure.axes if ax.get_title().startswith("M-SSIM"))
    value = found.metrics["m_ssim"]
    (segment,) = panel.containers[1].lines[2][0].get_segments()
    assert segment[:, 0].tolist() == pytest.approx([value.low, value.high])
    assert panel.containers[0].patches[0].get_width() == pytest.approx(value.mean)


def test_sample_lines_join_budgets_of_one_method_and_refuse_mixed_pairs():
    def trained(samples, better, **changes):
        budget = Budget(samples=samples, steps=10, batch_size=2, seconds=1.0)
        return record("mrnet", better=better, budget=budget, **changes)

    few, many = trained(100, 0.0), trained(400, 0.1, preset="long")
    lines = sample_lines(entries(many, few, record("copy")), "m_ssim")
    assert [x for x, _ in lines["MR-Net"]] == [100, 400]
    assert [value.mean for _, value in lines["MR-Net"]] == pytest.approx([0.4, 0.5])
    assert [value.low for _, value in lines["MR-Net"]] == pytest.approx([0.39, 0.49])
    two_seeds = sample_lines(entries(few, many, trained(400, 0.3, seed=1)), "m_ssim")["MR-Net"][1][1]
    assert two_seeds.mean == pytest.approx(0.6) and two_seeds.seeds_sd == pytest.approx(0.1 * 2**0.5)
    assert sample_lines(entries(few), "m_ssim") == {}
    with pytest.raises(UserError, match="different pairs"):
        sample_lines(entries(few, trained(400, 0.1, pair_list_hash="0" * 64)), "m_ssim")


def test_curves_show_the_losses_and_smooth_them(store):
    found = [Entry(result, path.parent) for path, result in Store(store).records()]
    (comparison,) = comparisons(found)
    (training,) = trainings(comparison, store / "models")
    assert training.title == "MR-Net" and terms(training.log) == ["total", "roi"]
    values = smoothed(pd.Series([0.0, 2.0] * 30))
    assert len(values) == 60 and values.iloc[10:50].tolist() == pytest.approx([1.0] * 40, abs=0.4)


def test_a_value_without_an_interval_shows_the_range_of_its_groups():
    plain = {"m_ssim": MetricValue(mean=0.4, n=10, groups=2)}
    (comparison,) = comparisons(entries(record("mrnet", metrics=plain)))
    assert "least and greatest mean of a group" in bars(main_table(comparison))[1]
