"""`bench diff`: every cause of a difference that a record can tell is found and named, and no other."""

import json
import math

import pytest
import yaml
from report_store import METRICS as MEANS
from report_store import record
from small_run import PROTOCOL, bench
from typer.testing import CliRunner

from harness.cli import app
from harness.diff import CAUSES, KEYS, NO_CAUSES, diff, find_record
from harness.errors import UserError
from harness.metrics.protocol import load_protocol
from harness.records import Budget, FolderRecord, Git, Leakage, MetricValue, PartRecord, Record, read_any_record

OFFLINE, STD = load_protocol("offline-v1").hash, load_protocol("std-v1").hash
GIT = Git(commit="a" * 40, dirty_hash=None)
BUDGET = Budget(samples=2800, steps=700, batch_size=4, seconds=300.0)


def written(tmp_path, name, **changes):
    """The file of a record; its keys are fixed, so that they speak only where a test changes them."""
    path = tmp_path / f"{name}.json"
    record(**({"cell_key": "k" * 64, "protocol_hash": OFFLINE} | changes)).write(path)
    return path


def compared(tmp_path, a, b):
    return diff(written(tmp_path, "a", **a), written(tmp_path, "b", **b))


def told(*arguments, code=0):
    done = CliRunner().invoke(app, ["diff", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def found(result):
    return {cause.name: {item.what: (item.a, item.b) for item in cause.differences} for cause in result.causes}


def folder_record(**changes):
    same = record(protocol_hash=OFFLINE).model_dump(by_alias=True)
    fields = {name: same[field.alias or name] for name, field in FolderRecord.model_fields.items()
              if (field.alias or name) in same}  # fmt: skip
    fields |= {"missing_images": (), "unusable": {}, "extra": (), "lossy": (), "generated": "out", "target": "real"}
    return FolderRecord(**(fields | {"mask": None, "generated_hash": "1" * 64, "target_hash": "2" * 64,
                                     "mask_hash": None} | changes))  # fmt: skip


@pytest.mark.parametrize("kind", [Record, FolderRecord])
def test_every_field_of_a_record_is_a_cause_or_named_as_none(kind):
    """A new field of the records must be put into one of the lists of harness/diff.py."""
    lists = [*CAUSES.values(), NO_CAUSES, KEYS]
    assigned = [name for names in lists for name in names]
    assert len(assigned) == len(set(assigned))
    assert not set(kind.model_fields) - set(assigned)


def test_a_record_and_itself(tmp_path):
    result = compared(tmp_path, {}, {})
    assert not result.causes and {row.difference for row in result.metrics} == {0.0}
    assert result.conclusion == "Nothing recorded differs, and the numbers are equal."
    assert [same.name for same in result.same] == [
        "protocol", "pairs", "data", "images", "method", "weights", "budget", "machine", "versions",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "what", "a", "b"),
    [
        ("pairs", "pair_list_hash", "0" * 64, "1" * 64),
        ("pairs", "n", 10, 9),
        ("pairs", "missing", 0, 1),
        ("data", "dataset", "footage", "penn"),
        ("data", "split", "video", "camera"),
        ("data", "dataset_fingerprint", "0" * 64, "1" * 64),
        ("data", "mask_source", "joints", "blazepose"),
        ("data", "target_box_source", "joints", "annotation"),
        ("images", "origin", "ours", "released weights"),
        ("method", "method", "mrnet", "patn"),
        ("method", "preset", "quick", "paper"),
        ("weights", "given_weights", None, "1" * 64),
        ("budget", "seed", 0, 1),
        ("budget", "train_pair_list_hash", "0" * 64, "1" * 64),
        ("machine", "device", "cpu: a", "cuda: b"),
        ("machine", "dtype", "fp32", "bf16"),
        ("machine", "threads", 2, 4),
    ],
)
def test_each_plain_field_is_found_under_its_cause_alone(tmp_path, cause, what, a, b):
    assert found(compared(tmp_path, {what: a}, {what: b})) == {cause: {what: (a, b)}}


@pytest.mark.parametrize(
    ("cause", "field", "a", "b", "expected"),
    [
        ("data", "size_px", (32, 24), (64, 48), {"size_px": ([32, 24], [64, 48])}),
        ("data", "leakage", (), (Leakage(first="train", second="test", frames=0, groups=3, persons=None),),
         {"leakage.0.first": (None, "train"), "leakage.0.second": (None, "test"), "leakage.0.frames": (None, 0),
          "leakage.0.groups": (None, 3)}),
        ("method", "parameters", {"passes": 3, "inner": {"width": 1}}, {"passes": 3, "inner": {"width": 2}},
         {"parameters.inner.width": (1, 2)}),
        ("method", "overrides", (), ("a=1",), {"overrides": (None, ["a=1"])}),
        ("weights", "weights", {"alexnet": "0"}, {"alexnet": "1", "vgg16": "2"},
         {"weights.alexnet": ("0", "1"), "weights.vgg16": (None, "2")}),
        ("budget", "budget", BUDGET, BUDGET.model_copy(update={"steps": 7, "tuning_trials": 2, "seconds": 1.0}),
         {"budget.steps": (700, 7), "budget.tuning_trials": (0, 2)}),
        ("budget", "parts", {}, {"inpainter": PartRecord(training_key="x", budget=BUDGET)},
         {"parts.inpainter.budget.samples": (None, 2800), "parts.inpainter.budget.steps": (None, 700),
          "parts.inpainter.budget.batch_size": (None, 4), "parts.inpainter.budget.tuning_trials": (None, 0)}),
        ("versions", "versions", {"torch": "2.1", "numpy": "1"}, {"torch": "2.2", "numpy": "1"},
         {"versions.torch": ("2.1", "2.2")}),
        ("code", "git", GIT, GIT.model_copy(update={"dirty_hash": "c" * 64}), {"git.dirty_hash": (None, "c" * 64)}),
        ("protocol", "skipped", {}, {"m_ssim": "no pair has a mask"}, {"skipped.m_ssim": (None, "no pair has a mask")}),
    ],
)  # fmt: skip
def test_nested_fields_are_told_by_their_path(tmp_path, cause, field, a, b, expected):
    assert found(compared(tmp_path, {field: a}, {field: b})) == {cause: expected}


def test_what_explains_no_number_is_no_cause(tmp_path):
    late = {"created": "2027-01-01T00:00:00+00:00", "command": "bench rescore", "durations_s": {"score": 9.0}}
    slow = {"budget": BUDGET.model_copy(update={"seconds": 1e4})}
    assert not compared(tmp_path, {}, late | slow).causes


def test_causes_stand_in_order_the_most_telling_first(tmp_path):
    changes = {"versions": {"torch": "1"}, "seed": 3, "threads": 9, "protocol_hash": STD, "protocol": "std-v1", "n": 2}
    assert list(found(compared(tmp_path, {}, changes))) == ["protocol", "pairs", "budget", "machine", "versions"]


def test_the_constants_of_two_shipped_protocols_are_compared(tmp_path):
    causes = found(compared(tmp_path, {}, {"protocol": "std-v1", "protocol_hash": STD}))
    assert causes["protocol"]["sets.frechet.extractor"] == ("efficientnet-lite0", "inception-v3-compat")
    assert not [what for what in causes["protocol"] if what.startswith(("psnr", "title"))]


def test_where_a_protocol_is_not_at_hand_only_the_hash_is_told(tmp_path):
    (cause,) = compared(tmp_path, {}, {"protocol_hash": "0" * 64}).causes
    assert [item.what for item in cause.differences] == ["protocol_hash"]
    assert "the protocol of B is not at hand" in cause.remark


def test_a_metric_made_of_another_number_of_images_is_told_where_n_does_not_tell(tmp_path):
    fewer = {key: MetricValue(mean=mean, n=9 if key.startswith("kd") else 10) for key, mean in MEANS.items()}
    assert found(compared(tmp_path, {}, {"metrics": fewer})) == {"pairs": {"metrics.kd_efficientnet_lite0.n": (10, 9)}}


def test_keys_speak_only_where_nothing_else_does(tmp_path):
    other = {"training_key": "x" * 64, "cell_key": "y" * 64}
    assert list(found(compared(tmp_path, {}, other))) == ["keys"]
    assert list(found(compared(tmp_path, {}, {**other, "seed": 1}))) == ["budget"]
    assert list(found(compared(tmp_path, {}, {**other, "threads": 9}))) == ["machine", "keys"]


def test_numbers_that_differ_with_nothing_recorded_are_said_to_have_an_unrecorded_cause(tmp_path):
    result = compared(tmp_path, {}, {"better": 0.1})
    assert not result.causes
    assert "Nothing recorded differs, and the numbers do" in result.conclusion
    assert "machine" in result.conclusion and "state of the code" in result.conclusion
    assert "state of the code" not in compared(tmp_path, {"git": GIT}, {"git": GIT, "better": 0.1}).conclusion


def test_differences_are_b_minus_a(tmp_path):
    rows = {row.key: row for row in compared(tmp_path, {}, {"better": 0.1}).metrics}
    assert list(rows) == ["psnr", "ssim", "m_ssim", "box_lpips", "kd_efficientnet_lite0"]
    assert rows["m_ssim"].difference == pytest.approx(0.1) and rows["box_lpips"].difference == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [(math.inf, math.inf, 0.0), (math.inf, 1.0, -math.inf), (math.nan, math.nan, 0.0), (math.nan, 1.0, None)],
)
def test_values_that_are_not_finite(tmp_path, a, b, difference):
    sides = [{"metrics": {"psnr": MetricValue(mean=value, n=10)}} for value in (a, b)]
    result = compared(tmp_path, *sides)
    assert result.metrics[0].difference == difference
    assert ("equal" in result.conclusion) == (difference == 0.0)
    told(tmp_path / "a.json", tmp_path / "b.json", "--json", tmp_path / "diff.json")
    assert json.loads((tmp_path / "diff.json").read_text())["metrics"][0]["key"] == "psnr"


def test_a_metric_that_one_record_lacks_is_shown_with_the_reason(tmp_path):
    less = {"metrics": {"psnr": MetricValue(mean=18.0, n=10)}, "skipped": {"m_ssim": "no pair has a mask"}}
    written(tmp_path, "a")
    written(tmp_path, "b", **less)
    text = told(tmp_path / "a.json", tmp_path / "b.json")
    assert "M-SSIM: no pair has a mask" in text
    line = next(line for line in text.splitlines() if line.startswith("M-SSIM ↑"))
    assert line.split() == ["M-SSIM", "↑", "0.400", "–", "–"]


def test_a_difference_below_the_digits_shown_is_not_shown_as_none(tmp_path):
    written(tmp_path, "a")
    written(tmp_path, "b", better=1e-7)
    line = next(line for line in told(tmp_path / "a.json", tmp_path / "b.json").splitlines() if "SSIM" in line)
    assert line.split()[-1] == "+1e-07"


def test_two_folders_scored_by_bench_score(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    folder_record().write(first)
    folder_record(generated="other", generated_hash="3" * 64, target="copy-of-real").write(second)
    assert found(diff(first, second)) == {
        "images": {"generated": ("out", "other"), "generated_hash": ("1" * 64, "3" * 64)}
    }, "the targets lie elsewhere and are the same"
    assert isinstance(read_any_record(first), FolderRecord)


def test_a_cell_and_two_folders_are_compared_as_far_as_both_are_recorded(tmp_path):
    folder_record(threads=9).write(tmp_path / "b.json")
    causes = found(diff(written(tmp_path, "a"), tmp_path / "b.json"))
    assert causes == {"kind of record": {"record of": ("a cell", "two folders")}, "machine": {"threads": (2, 9)}}


def test_the_record_of_a_cells_folder_is_found(tmp_path):
    with pytest.raises(UserError, match="there is no record"):
        find_record(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds no record-\*\.json"):
        find_record(tmp_path)
    one = written(tmp_path, "record-offline-v1")
    assert find_record(tmp_path) == find_record(one) == one
    written(tmp_path, "record-std-v1")
    with pytest.raises(UserError, match=r"holds 2 records; name one of: .*offline-v1\.json, .*std-v1\.json"):
        find_record(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 0}', '{"schema": 1, "method": "x"}'])
def test_what_is_no_record_is_told(tmp_path, content):
    (tmp_path / "bad.json").write_text(content)
    assert "bad.json" in told(written(tmp_path, "a"), tmp_path / "bad.json", code=2)


def test_the_json_holds_everything(tmp_path):
    first, second = written(tmp_path, "a"), written(tmp_path, "b", seed=1, better=0.1)
    told(first, second, "--json", tmp_path / "diff.json")
    content = json.loads((tmp_path / "diff.json").read_text())
    assert content == json.loads(diff(first, second).model_dump_json())
    assert content["causes"] == [{"name": "budget", "remark": "", "differences": [{"what": "seed", "a": 0, "b": 1}]}]
    assert "is a folder" in told(first, second, "--json", tmp_path, code=2)


def test_of_a_real_store(tmp_path, monkeypatch):
    """Run, rescore under a changed protocol, compare: the constant that was changed is named, by the cells' folders."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    assert bench(tmp_path, "copy,mean", "--limit", "4").exit_code == 0
    results = tmp_path / "results"
    copy, mean = (next(results.glob(f"cells/synthetic/{method}-*")) for method in ("copy", "mean"))
    text = told(copy, mean)
    assert "method" in text and "pairs (" in text.partition("The same: ")[2]
    capped = tmp_path / "capped.yaml"
    capped.write_text(yaml.safe_dump({**PROTOCOL, "name": "capped", "psnr": {"data_range": 255, "cap_db": 3}}))
    rescore = ["rescore", "--protocol", capped, "--results", results]
    assert CliRunner().invoke(app, list(map(str, rescore))).exit_code == 0
    assert "holds 2 records" in told(copy, mean, code=2)
    records = [copy / f"record-{protocol}.json" for protocol in ("pairs-only", "capped")]
    assert found(diff(*records))["protocol"]["psnr.cap_db"] == (100, 3)
    text = told(*records)
    assert "psnr.cap_db" in text and "no gain of a method" in text and "PSNR (dB) ↑" in text
    # without the scores beside it, the file of a protocol that is not shipped is not known
    (copy / "scores" / "capped.json").unlink()
    assert "the protocol of B is not at hand" in told(*records)
