"""Wrong use of `bench run` and its neighbours: exit code 2, a sentence that says what, where and how, no traceback.

`bench score`, `bench synthesize` and `bench check` have theirs beside their own tests.
"""

import shutil

import pytest
import yaml
from small_run import PRESET, arguments, bench
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets.synthetic import Synthetic
from harness.images import write_png
from harness.pairs import Pair, PairList
from harness.store import FAILURE

SIZE_PX = (32, 32)


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in result.output
    return result


def refused(result, *words):
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.output, result.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--methods", "copi"), ("unknown method 'copi'", "Did you mean 'copy'", "Valid: ")),
        (("--methods", ","), ("say what to run: --methods A,B", "--suite NAME")),
        (("--dataset", "sintetic"), ("unknown dataset 'sintetic'", "Did you mean 'synthetic'", "footage")),
        (("--split", "tine"), ("unknown split of synthetic 'tine'", "Did you mean 'time'")),
        (("--preset", "quik"), ("unknown preset 'quik'", "Did you mean 'quick'")),
        (("--preset", "mine.yaml"), ("no preset file mine.yaml", "quick")),
        (("--protocol", "offline-v2"), ("unknown protocol 'offline-v2'", "Did you mean 'offline-v1'")),
        (("--protocol", "mine.yaml"), ("no protocol file mine.yaml", "offline-v1")),
        (("--policy", "always-missing"), ("unknown policy", "only-missing")),
        (("--engine", "slurmm"), ("unknown engine", "local")),
        (("--seeds", "1,x"), ("--seeds '1,x'", "--seeds 0,1,2")),
        (("--set", "methods.tiny.schedule.stepz=3"), ("unknown key 'methods.tiny.schedule.stepz'", "schedule.steps'")),
        (("--set", "methods.tinny.parameters.gain=3"), ("unknown method 'tinny'", "Did you mean 'tiny'")),
        (("--set", "methods.tiny.parameters.gian=3"), ("unknown parameter of tiny 'gian'", "Did you mean 'gain'")),
        (("--set", "methods.tiny.parameters.gain=loud"), ("tiny.gain expects float", "'loud'")),
        (("--set", "methods.tiny.schedule.steps=0"), ("methods.tiny.schedule.steps", "greater than or equal to 1")),
        (("--set", "sise_px=[64, 64]"), ("unknown key 'sise_px'", "Did you mean 'size_px'")),
        (("--set", "size_px=[64"), ("is not a YAML value",)),
        (("--set", "size_px"), ("expected KEY=VALUE",)),
        (("--set", "size_px=[8, 8]"), ("drawn from 16 px", "8×8")),
        (("--plugin", "no-plugin.py"), ("no-plugin.py is not a file",)),
        (("--data-root", "/no/such/root"), ("--data-root /no/such/root is no folder", "bench data fetch synthetic")),
        (("--limit", "0"), ("--limit", "1")),
    ],
)
def test_a_wrong_name_or_value_is_named_with_the_valid_ones(tmp_path, more, words):
    methods = [] if "--methods" in more else ["--methods", "tiny"]
    given = arguments(tmp_path, "")
    given[given.index("--methods") : given.index("--methods") + 2] = methods
    refused(run(*given, *more), *words)
    assert not (tmp_path / "results").exists()


def test_an_unknown_key_in_a_preset_file_is_named_with_file_and_key(tmp_path):
    preset = {**PRESET, "methods": {"tiny": {"schedul": {}}}}
    given = arguments(tmp_path, "tiny")
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(preset))
    refused(run(*given), "tests.yaml", "methods.tiny.schedul'", "Did you mean 'methods.tiny.schedule'")
    (tmp_path / "tests.yaml").write_text("a: [1")
    refused(run(*given), "tests.yaml is not valid YAML")
    (tmp_path / "tests.yaml").write_bytes(b"\xff\xfe\xff")
    refused(run(*given), "tests.yaml is not valid YAML")


def test_missing_sources_and_weights_name_their_commands(tmp_path, empty_home):
    words = ["run", "--methods", "mrnet", "--dataset", "footage", "--results", tmp_path / "results"]
    refused(run(*words), "Run: bench data fetch footage", "bench weights fetch vgg16 alexnet efficientnet_lite0")
    root = tmp_path / "root"
    root.mkdir()
    refused(run(*words, "--data-root", root), f"Run: bench data fetch footage --data-root {root}")
    assert not (tmp_path / "results").exists()


def test_damaged_weights_are_named_before_any_work(tmp_path, weights):
    for name in ("alexnet", "efficientnet_lite0"):
        shutil.copy(weights.path(name), tmp_path / weights.path(name).name)
    (tmp_path / weights.path("alexnet").name).write_bytes(b"x")
    words = ["run", "--methods", "copy", "--dataset", "synthetic", "--results", tmp_path / "results"]
    refused(run(*words, "--weights-dir", tmp_path), "has SHA-256", "expected", "bench weights fetch alexnet")
    assert not (tmp_path / "results").exists()


# ---- pair lists


def pair_list(tmp_path, *pairs, split="time", dataset="synthetic"):
    path = tmp_path / "pairs.csv"
    PairList(dataset, split, "test", 1, tuple(Pair.of(*pair) for pair in pairs)).write(path)
    return path


def test_ones_own_pair_list_is_what_is_scored(tmp_path):
    path = pair_list(tmp_path, ("ada-hall/06", "ada-hall/09"), ("ada-hall/06", "ben-yard/07"))
    assert bench(tmp_path, "copy", "--pairs", str(path)).exit_code == 0
    (images,) = tmp_path.glob("results/cells/synthetic/copy-*/images")
    assert sorted(one.name for one in images.iterdir()) == ["ada-hall_06__09.png", "ada-hall_06__ben-yard_07.png"]


@pytest.mark.parametrize(
    ("pairs", "options", "words"),
    [
        ([("ada-hall/06", "ada-hall/77")], {}, ("1 frames that synthetic does not have, such as ada-hall/77",
                                                "called like ada-hall/00", "bench data pairs synthetic --split time")),
        ([("ada-hall/06", "ada-hall/01")], {}, ("1 frames that split time trains on, such as ada-hall/01",)),
        ([("a/1", "a/2")], {"dataset": "footage"}, ("a list of footage, split time; asked for was synthetic",)),
        ([("ada-hall/06", "ada-hall/07")], {"split": "person"}, ("split person; asked for was synthetic, split time",)),
    ],
)  # fmt: skip
def test_a_pair_list_that_does_not_fit_is_refused(tmp_path, pairs, options, words):
    refused(bench(tmp_path, "copy", "--pairs", str(pair_list(tmp_path, *pairs, **options))), *words)
    assert not (tmp_path / "results").exists()


def test_a_damaged_or_absent_pair_list_is_refused(tmp_path):
    path = pair_list(tmp_path, ("ada-hall/06", "ada-hall/09"))
    path.write_text(path.read_text().replace("ada-hall/09", "ada-hall/08"))
    refused(bench(tmp_path, "copy", "--pairs", str(path)), "does not match its hash", "It was edited")
    path.write_text("reference,target\n")
    refused(bench(tmp_path, "copy", "--pairs", str(path)), "is no pair list")
    refused(bench(tmp_path, "copy", "--pairs", str(tmp_path / "none.csv")), "cannot read the pair list")


# ---- results folders


@pytest.mark.parametrize("command", ["status", "clean", "report"])
def test_a_results_folder_that_is_none_is_named(tmp_path, command):
    refused(run(command, "--results", tmp_path / "absent"), "absent does not exist: it is no results folder")
    (tmp_path / "file").write_text("x")
    refused(run(command, "--results", tmp_path / "file"), "file is a file: it is no results folder")
    (tmp_path / "photos").mkdir()
    refused(run(command, "--results", tmp_path / "photos"), "photos holds none of models/, cells/, pairs/")


def test_a_run_does_not_take_a_file_for_a_results_folder(tmp_path):
    (tmp_path / "results").write_text("x")
    refused(bench(tmp_path, "copy"), "results is a file; a results folder")


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--out", "FILE"),
        ("report", "--out", "FILE/below"),
        ("data", "synth", "--out", "FILE"),
        ("data", "show", "synthetic", "--out", "FILE/x.png"),
        ("data", "show", "synthetic", "--out", "x.jpg"),
        ("data", "pairs", "synthetic", "--out", "FILE"),
        ("report", "--format", ","),
        ("run", "--methods", "copy", "--dataset", "synthetic", "--set", "name=a/b"),
    ],
)
def test_an_output_that_has_no_place_is_named(tmp_path, words):
    (tmp_path / "file").write_text("x")
    more = ["--results", tmp_path / "results"] if words[0] in ("report", "run") else []
    if words[0] == "report":
        assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    refused(run(*(word.replace("FILE", str(tmp_path / "file")) for word in words), *more))


def test_damaged_scores_are_made_anew(tmp_path):
    assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    (scores,) = tmp_path.glob("results/cells/synthetic/copy-*/scores/*.json")
    (record,) = tmp_path.glob("results/cells/synthetic/copy-*/record-*.json")
    before = scores.read_text()
    scores.write_text("{")
    record.unlink()
    assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    assert '"score_key"' in scores.read_text() and before.split('"seconds"')[0] in scores.read_text()


def test_a_damaged_record_is_named(tmp_path):
    assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    (record,) = tmp_path.glob("results/cells/synthetic/copy-*/record-*.json")
    record.write_text("{")
    refused(run("report", "--results", tmp_path / "results"), f"{record} is not a record", "Remove it and run")


# ---- damaged images in a store: the cell fails and says which


def test_a_corrupt_or_resized_image_fails_its_cell_by_name(tmp_path):
    assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    (cell,) = tmp_path.glob("results/cells/synthetic/copy-*")
    first, second = sorted((cell / "images").iterdir())[:2]
    for path, content, words in ((first, b"\x89PNG", "is not a readable image"), (second, None, "is 8×8; 32×32")):
        before = path.read_bytes()
        for stored in (*cell.glob("record-*"), *(cell / "scores").iterdir()):
            stored.unlink()
        if content is None:
            write_png(path, Synthetic().frames(SIZE_PX).images[0][:8, :8])
        else:
            path.write_bytes(content)
        result = bench(tmp_path, "copy", "--limit", "4")
        assert result.exit_code == 1 and "Traceback" not in result.output
        assert f"{path} {words}" in result.output and "Remove it: the same `bench run`" in result.output
        assert (cell / FAILURE).is_file() and not list(cell.glob("record-*"))
        path.unlink()
        assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
        assert path.read_bytes() == before and not (cell / FAILURE).exists()


def test_a_folder_one_may_not_write_to_is_named(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied", "/protected/results")

    monkeypatch.setattr("harness.cache.open_or_build", forbidden)
    result = bench(tmp_path, "copy")
    assert result.exit_code == 2 and "not permitted at /protected/results (Permission denied)" in result.output


def test_commands_name_what_they_lack():
    refused(run("rum"), "rum")
    refused(run("run", "--methods", "copy"), "--dataset")
    refused(run("score", "--generated", "a"), "--target")
    refused(run("data", "show", "footaje"), "Did you mean 'footage'")
    refused(run("weights", "fetch", "vgg-19"), "Did you mean 'vgg19'")
