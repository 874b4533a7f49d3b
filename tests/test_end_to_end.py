"""The demo in small: the real CLI on the real footage, smoke preset, from an empty results folder to the report."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.controls import CONTROL_CARDS

COMMAND = ["run", "--methods", "mrnet", "--dataset", "footage", "--preset", "smoke", "--limit", "12"]


def bench(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *map(str, arguments)], capture_output=True, text=True, env=environment
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, footage, weights):
    """Results of the command, and what it printed."""
    results = tmp_path_factory.mktemp("demo") / "results"
    done = bench(*COMMAND, "--results", results)
    assert done.returncode == 0, done.stderr
    return results, done


def records(results):
    return {
        json.loads(path.read_text())["method"]: json.loads(path.read_text())
        for path in results.glob("cells/footage/*/record-offline-v1.json")
    }


def test_every_method_is_scored_on_the_same_pairs(run):
    found = records(run[0])
    assert set(found) == {"mrnet", *CONTROL_CARDS}
    assert {record["n"] for record in found.values()} == {12}
    assert len({record["pair_list_hash"] for record in found.values()}) == 1


def test_the_target_is_the_ceiling_of_every_pair_metric(run):
    metrics = records(run[0])["target"]["metrics"]
    assert metrics["m_ssim"]["mean"] == metrics["box_ssim"]["mean"] == pytest.approx(1)
    assert metrics["lpips"]["mean"] == metrics["box_lpips"]["mean"] == pytest.approx(0)
    assert metrics["psnr"]["mean"] == 100


def test_the_mask_that_a_method_cuts_the_reference_by_lies_beside_its_image(run):
    results, _ = run
    (cell,) = (results / "cells" / "footage").glob("mrnet-*")
    masks = sorted((cell / "masks").glob("*.png"))
    assert [path.name for path in masks] == sorted(path.name for path in (cell / "images").glob("*.png"))
    found = [set(np.unique(np.asarray(Image.open(path)))) for path in masks]
    assert all(values == {0, 255} for values in found), "the annotated mask: person white, scene black"
    (copy,) = (results / "cells" / "footage").glob("copy-*")
    assert not (copy / "masks").exists()


def test_the_record_says_where_it_comes_from(run):
    record = records(run[0])["mrnet"]
    assert set(record["weights"]) == {"vgg16", "alexnet", "efficientnet_lite0", "blazepose"}
    assert record["budget"]["samples"] == record["budget"]["steps"] * record["budget"]["batch_size"]
    assert record["target_box_source"] == "joints"
    assert record["ranked"] is False


def test_the_run_prints_overlap_table_and_the_paths_of_report_and_picture(run):
    results, done = run
    assert "train and test share frames: 0, groups: 4, persons: 1" in done.stderr
    markdown, picture = (next((results / "report").glob(f"*smoke*.{ending}")) for ending in ("md", "png"))
    printed = done.stdout.replace("\n", "")
    assert str(markdown) in printed
    assert str(picture) in printed
    with Image.open(picture) as image:
        assert min(image.size) > 300
    assert "not results" in markdown.read_text()


def test_the_report_needs_the_store_alone(run, tmp_path):
    again = bench("report", "--results", run[0], "--out", tmp_path)
    assert again.returncode == 0, again.stderr
    for path in (run[0] / "report").iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    with next(tmp_path.glob("*.csv")).open() as stream:
        assert len(list(csv.DictReader(stream))) >= 4


def test_the_second_time_there_is_nothing_to_do(run):
    results, _ = run
    before = {path: path.stat().st_mtime_ns for path in results.glob("cells/**/*") if path.is_file()}
    again = bench(*COMMAND, "--results", results)
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_protocol_scores_the_stored_images_again(run):
    results, _ = run
    images = {path: path.stat().st_mtime_ns for path in results.glob("cells/footage/*/images/*.png")}
    planned = bench(*COMMAND, "--results", results, "--protocol", "std-v1", "--plan")
    assert planned.stdout.count("scores, record") == 1 + len(CONTROL_CARDS)
    assert "images, scores" not in planned.stdout
    assert {path: path.stat().st_mtime_ns for path in images} == images


COMPETITORS = "mrnet,pg2,pn_gan,dvg,patn,guided_pix2pix,copy,mean"


@pytest.mark.slow
def test_all_methods_run_on_the_same_pairs_with_as_many_samples(footage, weights, tmp_path):
    command = ["run", "--methods", COMPETITORS, "--dataset", "footage", "--preset", "smoke", "--limit", "8"]
    command.append("--no-controls")
    done = bench(*command, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    found = records(tmp_path)
    assert sorted(found) == sorted(COMPETITORS.split(","))
    for field in ("pair_list_hash", "dataset_fingerprint", "protocol_hash", "n"):
        assert len({record[field] for record in found.values()}) == 1, field
    trained = [record for record in found.values() if record["budget"]]
    assert len(trained) == 6 and {record["budget"]["samples"] for record in trained} == {10}
    assert len(list((tmp_path / "report").glob("*.md"))) == 1
