"""Claims: what the paper's tables say of them, and what records of known differences say."""

import re

import pytest
import yaml
from report_store import write_pairs
from test_published import TEXT
from test_report_certainty import pair_list, write
from typer.testing import CliRunner

from benchmarks import ROOT
from harness.claims import Claim, Claims, Verdict, load_claims, points, published
from harness.cli import app
from harness.errors import UserError
from harness.report.claims import judge, summary, told
from harness.report.select import Selection
from harness.store import Store

PAPER, CLAIMS = load_claims("mrnet-2020")
BY_ID = {claim.id: claim for claim in CLAIMS.claims}

CONTRADICTED = {
    # field.md §5: what the paper says and its own tables do not
    "image-quality", "structure", "effective-on-three", "local-beats-baselines", "more-iterations", "third-iteration",
    "lambda2-drops", "study-authentic-accurate", "study-iconic-and-not", "roi-quality", "perceptual-loss-needed",
    "one-iteration-distorts", "two-paths-body", "bodyroi7-fails", "pn-gan-on-bbc",
}  # fmt: skip
HOLDING = {
    "consistently-better-on-penn", "market-persons", "pg2-on-bbc", "poses-of-dvg-and-patn", "roi-body", "non-local",
    "best-with-masks",
}  # fmt: skip


def claim(**changes):
    fields = {"id": "c", "sentence": "s", "where": "w", "better": ["mrnet"], "than": ["pg2"], "datasets": ["footage"]}
    return Claim(**(fields | {"metrics": ["M-SSIM"]} | changes))


def measured(root, entries, asked, on=None):
    """The verdict of the records on one claim."""
    claims = Claims(paper="mrnet-2020", claims=(asked,))
    (found,) = judge(PAPER, claims, Store(root), entries, on, Selection())
    return found.measured


# ---- the paper's own tables


def test_the_tables_decide_each_claim_as_they_do_by_hand():
    found = {claim.id: published(claim, PAPER).verdict for claim in CLAIMS.claims}
    assert {name for name, verdict in found.items() if verdict is Verdict.FAILS} == CONTRADICTED
    assert {name for name, verdict in found.items() if verdict is Verdict.HOLDS} == HOLDING
    assert all(verdict is Verdict.UNTOLD for name, verdict in found.items() if name not in CONTRADICTED | HOLDING)


def test_the_contradicting_cells_are_named():
    words = told(published(BY_ID["image-quality"], PAPER), "")
    assert words == "does not hold: IS on bbc: MR-Net 1.751, PATN 2.159; FID on bbc: MR-Net 95.114, PG² 81.191"


def test_of_equal_numbers_neither_is_better():
    (against,) = published(BY_ID["two-paths-body"], PAPER).against
    assert against.words == "full model 0.892, without two paths 0.892"


def test_numbers_that_are_not_comparable_are_told_beside_the_verdict():
    warnings = published(BY_ID["best-with-masks"], PAPER).warnings
    assert len(warnings) == 2 and all(words.startswith("M-SSIM on penn") for words in warnings)
    assert not published(BY_ID["roi-body"], PAPER).warnings, "both rows are by the same script"


def test_almost_all_allows_one_dataset():
    found = claim(better=["mrnet"], than=["competitors"], datasets=["penn", "bbc"], metrics=["SSIM"])
    assert published(found, PAPER).verdict is Verdict.FAILS
    assert published(found.model_copy(update={"exceptions": 1}), PAPER).verdict is Verdict.HOLDS


def test_a_chain_compares_neighbours_and_competitors_are_those_of_the_dataset():
    chain = claim(better=[], than=[], chain=["full", "two-passes", "one-pass"])
    pairs = [(it.better, it.than) for it in points(chain, PAPER, ["penn"])]
    assert pairs == [("full", "two-passes"), ("two-passes", "one-pass")]
    against = points(claim(than=["competitors"]), PAPER, ["bbc"])
    assert [it.than for it in against] == list(PAPER.competitors("bbc"))


@pytest.mark.skipif(not TEXT.is_file(), reason="the paper's text is not here")
def test_every_sentence_stands_in_the_paper():
    words = re.sub(r"\s+", " ", TEXT.read_text(encoding="utf-8").replace(r"$\lambda_2$", "λ2"))
    assert [it.id for it in CLAIMS.claims if it.sentence not in words] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"better": ["mrnett"]}, "has no row 'mrnett'"),
        ({"metrics": ["FIDD"]}, "'FIDD' is no metric"),
        ({"chain": ["full", "local"]}, "needs one of"),
        ({"sides": 2}, "unknown key"),
    ],
)
def test_a_claim_that_cannot_be_is_refused(tmp_path, change, words):
    data = yaml.safe_load((ROOT / "claims" / "mrnet-2020.yaml").read_text(encoding="utf-8"))
    data["claims"][0].update(change)
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        load_claims(str(path))


# ---- our records


@pytest.fixture
def many(tmp_path):
    """Twelve clips: MR-Net best, PG² not to be told from it, PATN clearly behind, DVG set apart."""
    pairs = pair_list(12)
    write_pairs(tmp_path, pairs)
    rows = [("mrnet", 0.1, 0.02), ("pg2", 0.098, 0.05), ("patn", 0.0, 0.02), ("copy", 0.0, 0.0)]
    entries = [write(tmp_path, name, pairs, better, wobble) for name, better, wobble in rows]
    return tmp_path, [*entries, write(tmp_path, "dvg", pairs, 0.5, settled=False)]


def test_known_differences_are_found_by_a_paired_test(many):
    root, entries = many
    assert measured(root, entries, claim(than=["patn"], metrics=["M-SSIM", "LPIPS"])).verdict is Verdict.HOLDS
    found = measured(root, entries, claim(better=["patn"], than=["mrnet"]))
    assert found.verdict is Verdict.FAILS and not found.by_means and "gain -0.1" in found.against[0].words
    assert measured(root, entries, claim()).verdict is Verdict.UNDECIDED


def test_one_that_is_not_told_apart_leaves_the_claim_open_and_one_against_it_decides(many):
    root, entries = many
    assert measured(root, entries, claim(than=["patn", "pg2"])).verdict is Verdict.UNDECIDED
    assert measured(root, entries, claim(better=["patn"], than=["mrnet", "pg2"])).verdict is Verdict.FAILS


def test_what_is_missing_or_set_apart_is_named(many):
    root, entries = many
    found = measured(root, entries, claim(than=["patn", "posewarp", "dvg"]))
    assert found.verdict is Verdict.UNTOLD
    assert "no records on footage: PoseWarp" in found.reason and "set apart" in found.reason and "DVG" in found.reason
    assert measured(root, entries, claim(datasets=["penn"])).reason == "no records of penn"
    assert "IS is not in the records" in measured(root, entries, claim(metrics=["IS"])).reason


def test_what_contradicts_decides_whatever_else_is_missing(many):
    root, entries = many
    assert measured(root, entries, claim(better=["patn"], than=["mrnet", "posewarp"])).verdict is Verdict.FAILS


def test_on_carries_every_comparison_over_to_another_dataset(many):
    root, entries = many
    asked = claim(than=["patn"], datasets=["penn", "market"])
    assert measured(root, entries, asked, on="footage").verdict is Verdict.HOLDS


def test_few_groups_and_whole_sets_are_compared_by_means_and_it_is_said(tmp_path):
    pairs = pair_list(4)
    write_pairs(tmp_path, pairs)
    entries = [write(tmp_path, name, pairs, better) for name, better in (("mrnet", 0.1), ("pg2", 0.0))]
    found = measured(tmp_path, entries, claim())
    assert found.verdict is Verdict.HOLDS and found.by_means and "by means, without a test" in told(found, "")


def test_distances_over_too_few_images_and_of_other_features_decide_nothing(many):
    root, entries = many
    found = measured(root, entries, claim(than=["patn"], metrics=["kd_efficientnet_lite0"]))
    assert found.verdict is Verdict.UNTOLD and "over too few images" in found.reason
    assert (
        measured(root, entries, claim(than=["patn"], metrics=["FID"])).reason == "FID is not in the records of footage"
    )


def test_the_summary_tells_tested_verdicts_from_compared_means(tmp_path):
    pairs = pair_list(4)
    write_pairs(tmp_path, pairs)
    entries = [write(tmp_path, name, pairs, better) for name, better in (("mrnet", 0.1), ("pg2", 0.0))]
    claims = Claims(paper="mrnet-2020", claims=(claim(),))
    assert summary(judge(PAPER, claims, Store(tmp_path), entries, None, Selection()))[1] == (
        "By our records: 1 holds, by means, without a test."
    )


def test_settings_of_one_method_are_told_apart_by_their_parameters(tmp_path):
    pairs = pair_list(12)
    write_pairs(tmp_path, pairs)
    settings = {name: dict(PAPER.rows[name].parameters) for name in ("full", "two-passes")}
    entries = [
        write(tmp_path, "mrnet", pairs, better, 0.01, name, parameters=settings[name], overrides=(f"passes={name}",))
        for name, better in (("full", 0.1), ("two-passes", 0.0))
    ]
    asked = claim(better=["full"], than=["two-passes"])
    assert measured(tmp_path, entries, asked).verdict is Verdict.HOLDS
    lacking = measured(tmp_path, entries, claim(better=["full"], than=["one-pass"])).reason
    assert lacking == "no records on footage: one iteration"


def test_a_pattern_is_every_wrapper_there_is(many):
    root, entries = many
    pairs = pair_list(12)
    entries = [*entries, write(root, "union-crop(patn)", pairs, 0.0), write(root, "union-crop(pg2)", pairs, 0.3)]
    found = measured(root, entries, claim(than=["union-crop(*)"]))
    assert found.verdict is Verdict.FAILS and len(found.against) == 1
    assert "no records of crop-inpaint(*)" in measured(root, entries, claim(than=["crop-inpaint(*)"])).reason


def test_two_comparisons_of_one_dataset_are_refused_by_name(many):
    root, entries = many
    more = write(root, "mrnet", pair_list(12), 0.1, name="mrnet-paper", preset="paper")
    with pytest.raises(UserError, match="2 comparisons of footage") as error:
        measured(root, [*entries, more], claim())
    assert "preset paper" in str(error.value) and "--preset" in str(error.value)


# ---- the command


def bench(*words):
    return CliRunner().invoke(app, ["claims", *map(str, words)])


def test_the_command_needs_no_results_and_counts_the_verdicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = bench("--out", tmp_path / "claims.md")
    assert result.exit_code == 0, result.output
    counted = f"{len(CLAIMS.claims)} claims. By the paper's own tables: 7 holds; 15 does not hold; 8 cannot be told."
    assert counted in result.output and f"{len(CLAIMS.claims)} not measured" in result.output
    document = (tmp_path / "claims.md").read_text(encoding="utf-8")
    assert counted in document and all(f"“{it.sentence}”" in document for it in CLAIMS.claims)


def test_the_command_reads_the_store_and_wrong_use_is_a_sentence(many):
    root, _ = many
    own = root / "claims.yaml"
    own.write_text(yaml.safe_dump({"paper": "mrnet-2020", "claims": [claim().model_dump(mode="json")]}))
    result = bench("--results", root, "--paper", own)
    assert result.exit_code == 0 and "our records:    not distinguishable" in result.output, result.output
    there = ("--results", root, "--paper", own)
    for words in (("--results", root / "none"), ("--paper", "mrnet-2021"), (*there, "--protocol", "std")):
        result = bench(*words)
        assert result.exit_code == 2 and "Traceback" not in result.output
