"""The breakdown: where thirds are cut, what stands in the tables, the CSV and the figure, and what is said without."""

import csv
import io
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from report_store import CLIPS, add, keep_scores, pair_list, record, write_one, write_pairs
from small_run import bench

from harness import challenge_file
from harness.challenge_file import FILE
from harness.challenges import CHALLENGES
from harness.images import read_image, read_upright
from harness.records import read_record
from harness.report import challenges
from harness.report.challenge_figure import MOST_LINES, shown_rows
from harness.report.challenges import LEAST_PART, thirds
from harness.report.pair_scores import ScoreFrames
from harness.report.select import Entry, comparisons
from harness.store import Store, scores_path

NAN = math.nan


def numbered(values):
    return [(f"p{place:03d}", value) for place, value in enumerate(values)]


def sizes(values):
    return [(part.name, len(part.pairs), part.low, part.high) for part in thirds(numbered(values))]


# ---- thirds


def test_different_values_are_cut_into_thirds():
    values = np.random.default_rng(0).permutation(90) / 10
    assert sizes(values) == [("low", 30, 0, 2.9), ("middle", 30, 3, 5.9), ("high", 30, 6, 8.9)]
    parts = thirds(numbered(values))
    assert {pair: value for pair, value in numbered(values) if value < 3}.keys() == set(parts[0].pairs)
    by_pandas = pd.qcut(values, 3, labels=False)
    assert [len(part.pairs) for part in parts] == np.bincount(by_pandas).tolist()


def test_equal_values_are_never_parted():
    # 50 of 60 lack nothing: both cuts would fall among them, and one place is left
    assert sizes([0.0] * 50 + [0.1] * 4 + [0.3] * 6) == [("low", 50, 0, 0), ("high", 10, 0.1, 0.3)]
    # a cut that falls into a run moves to the nearer end of it
    assert sizes([1.0] * 12 + [2.0] * 24 + [3.0] * 24) == [("low", 12, 1, 1), ("middle", 24, 2, 2), ("high", 24, 3, 3)]


def test_ties_that_leave_no_cut_leave_no_parts():
    assert sizes([0.5] * 90) == []
    assert sizes([0.0] * 81 + [1.0] * (LEAST_PART - 1)) == []
    # two places too near to each other: the one that cuts nearer to its third
    assert sizes([1.0] * 20 + [2.0] * 3 + [3.0] * 37) == [("low", 20, 1, 1), ("high", 40, 2, 3)]


def test_pairs_without_a_value_stand_in_no_part_and_few_are_not_cut():
    values = [*range(60), *[NAN] * 40]
    assert [(name, n) for name, n, _, _ in sizes(values)] == [("low", 20), ("middle", 20), ("high", 20)]
    assert sizes([*range(29), *[NAN] * 40]) == [] == sizes([]) == sizes([NAN] * 50)
    assert len(sizes(range(30))) == 3


# ---- a store of 40 pairs, 20 a clip

PAIRS = pair_list(20)
METHODS = ("mrnet", "pg2", "copy", "mean", "noise", "target")


class Actions:
    """A dataset that tells these words of a target."""

    def __init__(self, categories, persons):
        self.words = dict(zip((pair.target for pair in PAIRS.pairs), categories, strict=True))
        self.persons = persons

    def category(self, frame_id):
        return self.words[frame_id]

    def person(self, frame_id):
        return self.persons[CLIPS.index(frame_id.partition("/")[0])]


def keep_values(cell, value, keys=("m_ssim", "box_lpips")):
    """Per-pair values: `value` of a pair's place in the list."""
    columns = {key: [value(place) for place in range(len(PAIRS))] for key in keys}
    pairs = {"pair": [pair.id for pair in PAIRS.pairs], "group": [pair.id.split("_")[0] for pair in PAIRS.pairs]}
    keep_scores(cell, read_record(cell / "record-offline-v1.json"), pd.DataFrame({**pairs, **columns}))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Not to be changed. A pair's M-SSIM is its place in the list; NaN for MR-Net's first."""
    root = tmp_path_factory.mktemp("made") / "results"
    folder = write_pairs(root, PAIRS)
    (folder / FILE).unlink()
    words = ["squats" if place % 4 else "golf_swing" for place in range(len(PAIRS))]
    challenge_file.write(folder, PAIRS, Actions(words, ("anna", "bela")))
    for offset, method in enumerate(METHODS):
        cell = add(root, record(method, PAIRS, offset / 100), PAIRS)
        keep_values(cell, lambda place, o=offset: NAN if place == o == 0 else place + o / 100)
    return root


@pytest.fixture
def store(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    return write_one(made, tmp_path_factory.mktemp("report"), rows=1)


def broken_down(store):
    (comparison,) = comparisons([Entry(found, path.parent) for path, found in Store(store).records()])
    return challenges.breakdowns(ScoreFrames(Store(store)), comparison, PAIRS)


def test_a_table_a_challenge_that_parts_the_pairs_and_the_others_are_named(made):
    parts, remarks = broken_down(made)
    # boxes are the whole picture and every head is missing: one scale, no background, nobody moved
    assert [part.scope for part in parts] == ["pose_distance", "category", "person"]
    assert remarks == (
        "No breakdown, for it does not part the pairs: "
        "person scale, displacement, clutter, missing joints, moving background",
    )


def test_values_are_means_over_the_pairs_of_a_part_of_methods_and_two_floors(made):
    pose, category, person = broken_down(made)[0]
    assert [row.method for row in pose.table.rows] == ["mrnet", "pg2", "copy", "mean"]
    assert [column.heading for column in pose.table.columns] == [
        "low M-SSIM ↑", "middle M-SSIM ↑", "high M-SSIM ↑",
        "low box-LPIPS ↓", "middle box-LPIPS ↓", "high box-LPIPS ↓",
    ]  # fmt: skip
    places = {pair.id: place for place, pair in enumerate(PAIRS.pairs)}
    for part, value in zip(pose.parts, pose.table.rows[1].values, strict=False):
        assert value.mean == pytest.approx(np.mean([places[pair] for pair in part.pairs]) + 0.01)
        assert value.n == len(part.pairs)
    mrnet, pg2 = (row.values for row in category.table.rows[:2])
    assert pg2[0].mean == pytest.approx(np.mean(range(0, 40, 4)) + 0.01) and pg2[0].n == 10
    # the pair without a value is left out, not counted as 0
    assert mrnet[0].mean == pytest.approx(np.mean(range(4, 40, 4))) and mrnet[0].n == 9
    assert [column.group for column in person.table.columns[:2]] == ["anna", "bela"]
    assert person.table.rows[1].values[1].mean == pytest.approx(29.51)


def test_the_document_has_the_tables_with_their_bounds_and_the_figure(written):
    words = written.files["markdown"].read_text(encoding="utf-8").replace("\\", "")
    for title in ("## By pose distance", "## By category", "## By person"):
        assert title in words
    (bounds,) = [line for line in words.splitlines() if line.startswith("Pose distance: mean distance")]
    assert bounds.count("pairs)") == 3 and "low 0." in bounds
    assert "Pairs: golf_swing 10, squats 30." in words and "| golf_swing M-SSIM ↑ |" in words
    assert f"![values by challenge]({written.files['challenges'].name})" in words
    assert "does not part the pairs: person scale" in words
    assert written.files["challenges"].name.endswith("offline-v1-challenges.png")


def test_the_csv_has_a_row_a_method_and_part_with_its_bounds(written, made):
    rows = list(csv.DictReader(io.StringIO(written.files["csv"].read_text(encoding="utf-8"))))
    pose = broken_down(made)[0][0]
    (low,) = [row for row in rows if row["scope"] == "pose_distance low" and row["method"] == "pg2"]
    assert float(low["m_ssim"]) == pose.table.rows[1].values[0].mean and int(low["n"]) == len(pose.parts[0].pairs)
    assert (float(low["scope_from"]), float(low["scope_to"])) == (pose.parts[0].low, pose.parts[0].high)
    (golf,) = [row for row in rows if row["scope"] == "category golf_swing" and row["method"] == "copy"]
    assert golf["scope_from"] == "" and golf["n"] == "10" and golf["pair_list_hash"] == PAIRS.hash
    assert {"all", "lab-cam01", "person bela"} <= {row["scope"] for row in rows}


def test_the_same_records_give_the_same_bytes_whatever_the_users_matplotlib_is_set_to(written, made, tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.bbox": "tight"}):
        again = write_one(made, tmp_path, rows=1)
    for name in ("markdown", "csv", "challenges"):
        assert again.files[name].read_bytes() == written.files[name].read_bytes(), name
    assert read_upright(again.files["challenges"]).std() > 10


def test_lines_are_twelve_at_most_ranked_and_best_first_then_floors(store):
    for number in range(MOST_LINES):
        cell = add(store, record("pg2", PAIRS, parameters={"width": number}), PAIRS, f"width-{number}")
        keep_values(cell, lambda place, n=number: place - n)
    table = broken_down(store)[0][0].table
    places, left_out = shown_rows(table, "m_ssim")
    methods = [table.rows[place].method for place in places]
    assert methods[-2:] == ["copy", "mean"] and len(places) == MOST_LINES + 2 and left_out == 2
    means = [sum(value.mean for value in table.rows[place].values[:3]) for place in places[:-2]]
    assert means == sorted(means, reverse=True)
    # where lower is better, the order is the other way round
    lowest_first = [table.rows[place].values[3].mean for place in shown_rows(table, "box_lpips")[0][:-2]]
    assert lowest_first == sorted(lowest_first)
    words = write_one(store, rows=1).files["markdown"].read_text(encoding="utf-8")
    assert "The tables alone show 2 more" in words


def test_a_method_without_per_pair_values_is_a_row_of_dashes_and_is_named(store):
    scores_path(store / "cells/footage/pg2-0", "offline-v1").unlink()
    scores_path(store / "cells/footage/copy-None", "offline-v1").write_bytes(b"no parquet")
    parts, remarks = broken_down(store)
    assert [row.values[0] is None for row in parts[0].table.rows] == [False, True, True, False]
    assert "No per-pair values, and so no breakdown: Copy, PG²; `bench rescore` writes them" in remarks
    words = write_one(store, rows=1).files["markdown"].read_text(encoding="utf-8")
    assert "| PG² | — | — |" in words and "bench rescore" in words


def test_without_any_per_pair_values_there_is_a_report_and_no_breakdown(store):
    for path in store.glob("cells/*/*/scores"):
        shutil.rmtree(path)
    paths = write_one(store, rows=1)
    words = paths.files["markdown"].read_text(encoding="utf-8")
    assert "challenges" not in paths.files and "no record has per-pair values" in words and "## By pose" not in words


def test_fewer_than_thirty_pairs_or_no_file_is_said(store, tmp_path):
    small = pair_list(10)
    write_pairs(tmp_path / "small", small)
    add(tmp_path / "small", record("mrnet", small), small)
    paths = write_one(tmp_path / "small", rows=1)
    assert "none, 20 test pairs are fewer than 30" in paths.files["markdown"].read_text(encoding="utf-8")
    next(store.glob(f"pairs/*/{FILE}")).unlink()
    paths = write_one(store, rows=1)
    assert "challenges" not in paths.files
    assert f"{FILE} is not in the pairs folder; the same `bench run`" in paths.files["markdown"].read_text(
        encoding="utf-8"
    ).replace("\\", "")


def test_metrics_are_the_first_pair_metrics_where_the_headline_ones_are_not_there(store):
    for path, found in Store(store).records():
        kept = {key: value for key, value in found.metrics.items() if key not in ("m_ssim", "box_lpips")}
        found.model_copy(update={"metrics": kept}).write(path)
        shutil.rmtree(path.parent / "scores")
        keep_values(path.parent, float, keys=("ssim", "psnr"))
    assert {column.key for column in broken_down(store)[0][0].table.columns} == {"ssim", "psnr"}


def test_more_categories_than_can_be_read_get_no_table(store):
    folder = next(store.glob(f"pairs/*/{FILE}")).parent
    challenge_file.write(folder, PAIRS, Actions([f"act {n}" for n in range(len(PAIRS))], ("anna", "anna")))
    parts, remarks = broken_down(store)
    assert [part.scope for part in parts] == ["pose_distance"]
    assert "category (40 of them, more than 20)" in remarks[0]


def test_a_plumbing_check_shows_no_value_and_draws_no_figure(store):
    for path, found in Store(store).records():
        if found.preset is not None:
            found.model_copy(update={"preset": "smoke", "ranked": False}).write(path)
    paths = write_one(store, rows=1)
    assert "challenges" not in paths.files
    rows = list(csv.DictReader(io.StringIO(paths.files["csv"].read_text(encoding="utf-8"))))
    assert {row["m_ssim"] for row in rows if row["scope"] == "pose_distance low"} == {""}


def test_every_challenge_says_where_the_paper_speaks_of_it():
    assert len({challenge.key for challenge in CHALLENGES}) == len(CHALLENGES) == 6
    assert all(challenge.source.startswith("I") and challenge.unit and challenge.definition for challenge in CHALLENGES)


# ---- with `bench run`


def test_a_run_with_nothing_left_to_do_completes_the_pairs_folder(tmp_path):
    assert bench(tmp_path, "copy", "--limit", "4").exit_code == 0
    (path,) = (tmp_path / "results").glob(f"pairs/*/{FILE}")
    before, frame = path.read_bytes(), next(path.parent.glob("frames/*.png"))
    assert before.count(b"\n") == 2 + 4 and read_image(frame).any()
    path.unlink()
    made = frame.stat().st_mtime_ns
    again = bench(tmp_path, "copy", "--limit", "4")
    assert again.exit_code == 0 and path.read_bytes() == before and frame.stat().st_mtime_ns == made
