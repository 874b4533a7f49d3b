"""Weights from a file in place of a training: what is keyed, recorded and shown, and what a wrong file says."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_run import bench
from torch import nn
from typer.testing import CliRunner

from harness import given_weights
from harness.cli import app
from harness.errors import UserError
from harness.fetch import sha256_of
from harness.models import Setting, card_of, of_setting
from harness.specs import Given
from harness.store import Store
from mrnet import files

SETTING = Setting("market", "paper", ("methods.dvg.parameters.width=4",))


def records(folder):
    return {record.origin: record for _, record in Store(folder / "results").records() if record.method == "looped"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one run in it: a training of `looped`, and its cell beside the copy of the reference."""
    folder = tmp_path_factory.mktemp("trained")
    done = bench(folder, "looped,copy", "--limit", "4")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def weights(trained):
    """The file that the training saved."""
    (file,) = (trained / "results" / "models").glob("looped-*/model.safetensors")
    return file


def images(folder, record):
    cell = next(path for path in (folder / "results" / "cells").glob("*/looped-*") if record.cell_key[:12] in path.name)
    return {path.name: path.read_bytes() for path in (cell / "images").glob("*.png")}


def test_a_file_takes_the_place_of_the_training(trained, weights, tmp_path):
    done = bench(tmp_path, "looped,copy", "--limit", "4", "--weights", f"looped={weights}")
    assert done.exit_code == 0, done.output
    assert not list((tmp_path / "results" / "models").glob("*"))
    given = records(tmp_path)[given_weights.FROM_FILE]
    assert given.given_weights == sha256_of(weights)
    assert (given.budget, given.training_key, given.preset, given.seed) == (None, None, None, None)
    assert images(tmp_path, given) == images(trained, records(trained)["ours"])
    report = next((tmp_path / "results" / "report").glob("*.md")).read_text()
    assert "trained elsewhere, with another budget: shown apart, not ranked" in report
    assert f"Weights given in a file: Looped: weights from a file {sha256_of(weights)[:12]}" in report


def test_trained_and_given_rows_share_a_table_and_neither_hides_the_other(trained, weights):
    other = trained / "other.safetensors"
    with safe_open(weights, framework="pt") as file:
        tensors = {name: file.get_tensor(name) * 0.5 for name in file.keys()}  # noqa: SIM118
    save_file(tensors, other)
    for path in (weights, other):
        done = bench(trained, "looped,copy", "--limit", "4", "--weights", f"looped={path}")
        assert done.exit_code == 0, done.output
    report = next((trained / "results" / "report").glob("*-tests-*.md")).read_text()
    assert report.count("| Looped (weights from a file)") >= 2 and "| Looped |" in report


def test_the_hash_of_the_file_is_in_the_key_and_its_place_is_not(weights, tmp_path):
    def key(path):
        shown = bench(tmp_path, "looped", "--limit", "4", "--weights", f"looped={path}", "--plan")
        assert shown.exit_code == 0, shown.output
        from harness.plan import RunRequest
        from harness.resolve import resolve

        request = RunRequest(
            methods=("looped",), dataset="synthetic", preset=str(tmp_path / "tests.yaml"), weights=(f"looped={path}",),
            protocol=str(tmp_path / "protocol.yaml"), plugins=(Path(__file__).parent / "small_methods.py",),
            results=tmp_path / "results",
        )  # fmt: skip
        return resolve(request).cells[0].spec.key

    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(weights.read_bytes())
    assert key(moved) == key(weights)
    with safe_open(weights, framework="pt") as file:
        tensors = {name: file.get_tensor(name) + 1 for name in file.keys()}  # noqa: SIM118
    save_file(tensors, moved)
    assert key(moved) != key(weights)


def test_weights_of_a_released_checkpoint_are_recorded_as_such(tmp_path):
    imported = tmp_path / "looped.safetensors"
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1))
    about = {"method": "looped", "released_file": "net.pth", "released_sha256": "00"}
    save_file(network.state_dict(), imported, files.packed(about))
    done = bench(tmp_path, "looped", "--limit", "2", "--weights", f"looped={imported}")
    assert done.exit_code == 0, done.output
    assert given_weights.RELEASED in records(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("looped", "expected METHOD=FILE, for example --weights patn="),
        ("tiny={file}", "tiny is not among --methods looped"),
        ("looped=nowhere.safetensors", "there is no such file"),
        ("looped={pth}", "bench weights import looped"),
        ("looped={foreign}", "the file holds weights of patn"),
    ],
)
def test_a_wrong_file_is_refused_before_any_work(weights, tmp_path, words, message):
    torch.save({}, tmp_path / "net.pth")
    save_file({"w": torch.zeros(1)}, tmp_path / "foreign.safetensors", files.packed({"method": "patn"}))
    named = {"file": weights, "pth": tmp_path / "net.pth", "foreign": tmp_path / "foreign.safetensors"}
    done = bench(tmp_path, "looped", "--weights", words.format(**named))
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "results").exists()


def test_weights_for_a_method_that_does_not_learn_are_refused(weights, tmp_path):
    with safe_open(weights, framework="pt") as file:
        save_file({name: file.get_tensor(name) for name in file.keys()}, tmp_path / "any.safetensors")  # noqa: SIM118
    done = bench(tmp_path, "notfinite", "--weights", f"notfinite={tmp_path / 'any.safetensors'}")
    assert done.exit_code == 2 and "does not learn" in done.output


def test_two_files_for_one_method_are_refused(weights, tmp_path):
    done = bench(tmp_path, "looped", *(["--weights", f"looped={weights}"] * 2))
    assert done.exit_code == 2 and "two files for looped" in done.output


def test_a_file_of_another_network_fails_its_cell_and_names_the_file(tmp_path):
    other = tmp_path / "wide.safetensors"
    save_file(nn.Sequential(nn.Conv2d(3, 5, 3)).state_dict(), other)
    done = bench(tmp_path, "looped", "--limit", "2", "--weights", f"looped={other}")
    assert done.exit_code == 1
    assert f"{other} does not hold weights of looped that fit" in " ".join(done.output.split())


def test_a_file_that_changes_after_planning_is_not_used(weights, tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    given = given_weights.parse([f"looped={copy}"], ["looped"])["looped"]
    copy.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(UserError, match="no longer the file that the run was planned with"):
        given_weights.load(None, given)
    with pytest.raises(UserError, match="no longer the file"):
        given_weights.load(None, Given(file=str(tmp_path / "gone"), sha256="0", origin=""))


# bench weights import ---------------------------------------------------------------------------------------------


def small_dvg():
    return of_setting(card_of("dvg"), SETTING)


def released_file(path, seed=0, **changes):
    """A checkpoint as the MR-Net authors' program writes it: the network under `model.`, VGG beside it."""
    torch.manual_seed(seed)
    state = {f"model.{name}": value for name, value in small_dvg()._build().state_dict().items()}
    state["vgg_layers.0.weight"] = torch.zeros(1)
    state.update(changes)
    torch.save({name: value for name, value in state.items() if value is not None}, path)
    return state


def bench_import(*words):
    overrides = [word for override in SETTING.overrides for word in ("--set", override)]
    return CliRunner().invoke(app, ["weights", "import", "dvg", *map(str, words), "--dataset", "market", *overrides])


def test_an_authors_checkpoint_becomes_a_file_of_weights(tmp_path):
    state = released_file(tmp_path / "market1501_200.pt")
    done = bench_import(tmp_path / "market1501_200.pt", "--out", tmp_path / "dvg.safetensors")
    assert done.exit_code == 0, done.output
    assert sha256_of(tmp_path / "dvg.safetensors") in done.output and "--weights dvg=" in done.output
    with safe_open(tmp_path / "dvg.safetensors", framework="pt") as file:
        metadata, names = files.unpacked(file.metadata()), list(file.keys())
        assert all(torch.equal(file.get_tensor(name), state[f"model.{name}"]) for name in names)
    assert len(names) == len(state) - 1
    assert metadata["method"] == "dvg" and metadata["released_file"] == "market1501_200.pt"
    assert metadata["released_sha256"] == sha256_of(tmp_path / "market1501_200.pt")
    given_weights.load_file(small_dvg(), tmp_path / "dvg.safetensors")


def test_entries_that_do_not_fit_are_listed(tmp_path):
    state = released_file(tmp_path / "whole.pt")
    lacking = next(name for name in state if name.endswith("weight"))
    released_file(tmp_path / "odd.pt", **{lacking: None, "model.extra.weight": torch.zeros(2)})
    done = bench_import(tmp_path / "odd.pt", "--out", tmp_path / "dvg.safetensors")
    words = " ".join(done.output.split())
    assert done.exit_code == 2 and not (tmp_path / "dvg.safetensors").exists()
    assert f"missing: {lacking.removeprefix('model.')}" in words and "not of this network: extra.weight" in words


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.pt", None, "there is no checkpoint file"),
        ("text.pt", b"no checkpoint", "cannot read the released weights"),
        ("empty.npz", b"", "cannot read the released weights"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = bench_import(tmp_path / name, "--out", tmp_path / "dvg.safetensors")
    assert done.exit_code == 2 and message in " ".join(done.output.split())


def test_the_file_to_write_is_checked_first(tmp_path):
    released_file(tmp_path / "net.pt")
    done = bench_import(tmp_path / "net.pt", "--out", tmp_path / "dvg.pth")
    assert done.exit_code == 2 and ".safetensors is needed" in done.output


def test_a_method_without_known_weights_says_so(tmp_path):
    (tmp_path / "any.pt").write_bytes(b"")
    method = of_setting(card_of("dvg"), SETTING)
    from methods.base import Method

    with pytest.raises(ValueError, match="no released weights of dvg are known"):
        Method.load_released(method, tmp_path / "any.pt")


def test_the_record_of_given_weights_reads_back(tmp_path, weights):
    bench(tmp_path, "looped", "--limit", "2", "--weights", f"looped={weights}")
    (path,) = (tmp_path / "results" / "cells").glob("*/looped-*/record-*.json")
    assert json.loads(path.read_text())["given_weights"] == sha256_of(weights)
