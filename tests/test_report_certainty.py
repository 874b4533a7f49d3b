"""Certainty, rank stability and gains in the report: known differences are found, few groups infer nothing."""

import numpy as np
import pandas as pd
import pytest
from report_store import add, keep_scores, record, write_one, write_pairs
from test_report_write import read_csv

from harness import recording
from harness.metrics.base import SetValue
from harness.pairs import Pair, PairList
from harness.report.build import main_table
from harness.report.certainty import certainty_table, contests, gain_table, marked, unread_line
from harness.report.pair_scores import ScoreFrames, aligned, read
from harness.report.select import Entry, comparisons
from harness.report.table import text
from harness.store import Store, record_path, scores_path

PAIRS_PER_CLIP = 4


def pair_list(clips):
    return PairList("footage", "video", "test", 1, tuple(
        Pair.of(f"{clip:04d}/{number:02d}", f"{clip:04d}/{number + 1:02d}")
        for clip in range(clips) for number in range(PAIRS_PER_CLIP)
    ))  # fmt: skip


def base(pairs):
    """What pairs and their clips have in common, whatever the method."""
    generator = np.random.Generator(np.random.PCG64(1))
    clips = len(pairs) // PAIRS_PER_CLIP
    return 0.5 + np.repeat(generator.normal(0, 0.1, clips), PAIRS_PER_CLIP) + generator.normal(0, 0.05, len(pairs))


def write(root, method, pairs, better=0.0, wobble=0.0, name="", pairwise=None, **changes):
    """A cell with per-pair scores `better` than the base by a mean of that, the clips' differences varying."""
    generator = np.random.Generator(np.random.PCG64(sum(method.encode()) + (changes.get("seed") or 0)))
    clips = len(pairs) // PAIRS_PER_CLIP
    noise = np.repeat(generator.normal(0, 1, clips), PAIRS_PER_CLIP)
    gain = better + wobble * (noise - noise.mean())
    frame = pairwise if pairwise is not None else pd.DataFrame({
        "pair": [pair.id for pair in pairs.pairs],
        "group": [pair.id.split("_")[0] for pair in pairs.pairs],
        "m_ssim": base(pairs) + gain,
        "lpips": base(pairs) - gain,
        "box_lpips": base(pairs) - gain,
    })  # fmt: skip
    sets = {"kd_efficientnet_lite0": SetValue(5.0 - better, 0.1, len(pairs), True)}
    values = {"metrics": recording.metric_values(frame, sets), "by_group": recording.group_means(frame)}
    result = record(method, pairs, better, **values, **changes)
    folder = add(root, result, pairs, name)
    keep_scores(folder, result, frame)
    return Entry(result, folder)


def tables(root, *entries, others=()):
    """The main table with marks, the certainty and the gain table of one comparison."""
    (comparison,) = comparisons(entries)
    scores = read(ScoreFrames(Store(root)), comparison)
    found = contests(scores)
    whole = certainty_table(comparison, found, (*entries, *others))
    return marked(main_table(comparison), found), whole, gain_table(comparison, scores)


def cell(table, method, key):
    (row,) = [row for row in table.rows if row.method == method]
    return row.values[[column.key for column in table.columns].index(key)]


@pytest.fixture
def many(tmp_path):
    """Twelve clips: MR-Net best, PG² not distinguishable from it, PATN clearly behind, and the copy."""
    pairs = pair_list(12)
    return tmp_path, (
        write(tmp_path, "mrnet", pairs, 0.101, 0.05),
        write(tmp_path, "pg2", pairs, 0.1, 0.05),
        write(tmp_path, "patn", pairs, -0.2, 0.05),
        write(tmp_path, "copy", pairs),
    )


def test_what_is_not_distinguishable_from_the_best_is_marked_and_what_is_worse_is_not(many):
    main, certainty, _ = tables(many[0], *many[1])
    assert [row.method for row in main.rows if row.values[0].tied] == ["pg2"]
    assert text(cell(main, "pg2", "box_lpips"), main.columns[1]).endswith(" ≈")
    assert any(line.startswith("≈: not distinguishable") and "over 12 groups" in line for line in main.legend)
    behind = cell(certainty, "patn", "m_ssim_to_best")
    assert behind.mean == pytest.approx(-0.301) and behind.low < -0.301 < behind.high < 0
    # of 2^12 flips only the one seen and its mirror are as extreme; twice, as two methods are compared with the best
    assert cell(certainty, "patn", "m_ssim_p").mean == pytest.approx(2 * 2 / 2**12)
    assert cell(certainty, "pg2", "m_ssim_p").mean > 0.05
    assert cell(certainty, "mrnet", "m_ssim_to_best") is None and cell(certainty, "mrnet", "m_ssim_p") is None
    assert cell(certainty, "patn", "box_lpips_to_best").mean == pytest.approx(-0.301)


def test_a_clear_rank_is_kept_and_a_close_one_is_not(many):
    _, certainty, _ = tables(many[0], *many[1])
    assert [cell(certainty, method, "m_ssim_rank").mean for method in ("mrnet", "pg2", "patn")] == [1, 2, 3]
    assert cell(certainty, "patn", "m_ssim_rank_kept_percent").mean == 100
    assert 30 < cell(certainty, "mrnet", "m_ssim_rank_kept_percent").mean < 80
    (line,) = [line for line in certainty.legend if line.startswith("Rank stability, M-SSIM")]
    assert "1,000 draws of 12 groups" in line and "at least 0.33" in line


def test_gains_are_positive_where_a_method_is_better_than_the_control_whatever_the_metric(many):
    _, _, gains = tables(many[0], *many[1])
    for key in ("m_ssim", "lpips", "box_lpips"):
        assert cell(gains, "mrnet", f"gain_copy_{key}").mean == pytest.approx(0.101)
        behind = cell(gains, "patn", f"gain_copy_{key}")
        assert behind.mean == pytest.approx(-0.2) and behind.low < -0.2 < behind.high < 0
    assert [column.heading for column in gains.columns] == [
        "over copy: LPIPS",
        "over copy: box-LPIPS",
        "over copy: M-SSIM",
    ]
    assert "positive: better than the control" in gains.legend[0]
    assert [row.method for row in gains.rows] == ["mrnet", "patn", "pg2"]


def test_with_fewer_than_ten_groups_nothing_is_inferred_and_the_report_says_so(tmp_path):
    pairs = pair_list(4)
    rows = [write(tmp_path, method, pairs, better) for method, better in (("mrnet", 0.1), ("pg2", 0.0), ("copy", 0.0))]
    main, certainty, gains = tables(tmp_path, *rows)
    means = [base(pairs)[start : start + 4].mean() + 0.1 for start in range(0, 16, 4)]
    assert text(main.rows[0].values[0], main.columns[0]) == (
        f"{base(pairs).mean() + 0.1:.3f} ({min(means):.3f}…{max(means):.3f})"
    )
    assert any("descriptive: 4 groups" in line for line in main.legend)
    assert any("No test between methods is possible with 4 groups" in line for line in main.legend)
    assert not any(value.tied for row in main.rows for value in row.values if value)
    assert cell(certainty, "pg2", "m_ssim_to_best").low is None
    assert not any(column.key.endswith("_p") for column in certainty.columns)
    assert any("draws of single pairs (descriptive: 4 groups)" in line for line in certainty.legend)
    assert cell(gains, "mrnet", "gain_copy_lpips").low is None
    assert any("Descriptive: 4 groups" in line for line in gains.legend)


def test_rows_that_do_not_compete_are_not_compared_with_the_best(many):
    root, rows = many
    pairs = pair_list(12)
    apart = write(root, "dvg", pairs, 0.4, settled=False)
    lacking = write(root, "posewarp", pairs, 0.4, missing=2)
    main, certainty, gains = tables(root, *rows, apart, lacking)
    assert {row.method for row in certainty.rows} == {"mrnet", "pg2", "patn"}
    assert cell(certainty, "mrnet", "m_ssim_to_best") is None and not cell(main, "dvg", "m_ssim").tied
    assert cell(gains, "dvg", "gain_copy_m_ssim").mean == pytest.approx(0.4)


def test_pairs_without_a_value_for_any_of_the_rows_are_left_out_of_all(tmp_path):
    pairs = pair_list(12)
    first = write(tmp_path, "mrnet", pairs, 0.1)
    frame = Store(tmp_path).scores(record_path(first.folder, "offline-v1"))
    frame.loc[:3, "m_ssim"] = np.nan
    second = write(tmp_path, "pg2", pairs, pairwise=frame.sample(frac=1, random_state=0), better=0.1)
    scores = read(ScoreFrames(Store(tmp_path)), comparisons([first, second])[0])
    values, groups = aligned(scores.rows, "m_ssim")
    assert values.shape == (2, 44) and len(set(groups)) == 11
    assert np.array_equal(values[0], values[1])
    assert aligned(scores.rows, "box_lpips")[0].shape == (2, 48) and aligned(scores.rows, "psnr") is None
    main, certainty, _ = tables(tmp_path, first, second)
    assert cell(certainty, "pg2", "m_ssim_p").mean == 1 and cell(main, "pg2", "m_ssim").tied
    assert [cell(certainty, method, "m_ssim_rank").mean for method in ("mrnet", "pg2")] == [1, 1]


def test_seeds_are_averaged_by_pair_and_their_rankings_compared(tmp_path):
    pairs = pair_list(12)
    rows = [
        write(tmp_path, method, pairs, better, seed=seed, name=f"{method}-{seed}")
        for method, by_seed in (("mrnet", (0.1, 0.3)), ("pg2", (0.15, 0.05)))
        for seed, better in enumerate(by_seed)
    ]
    _, certainty, _ = tables(tmp_path, *rows)
    assert cell(certainty, "pg2", "m_ssim_to_best").mean == pytest.approx(-0.1)
    lines = "\n".join(certainty.legend)
    assert "the spread over seeds is not in the interval" in lines
    assert "Rank stability over seeds 0, 1, M-SSIM: Kendall's tau of their rankings, two at a time: mean −1.00" in lines


def test_the_same_images_under_another_protocol_tell_whether_ranks_depend_on_it(many):
    root, rows = many
    others = []
    for entry, lpips in zip(rows[:3], (0.3, 0.2, 0.1), strict=True):  # the order by LPIPS turned round
        metrics = {**entry.record.metrics, "lpips": entry.record.metrics["lpips"].model_copy(update={"mean": lpips})}
        others.append(Entry(entry.record.model_copy(update={"protocol": "std-v1", "metrics": metrics}), entry.folder))
    _, certainty, _ = tables(root, *rows, others=others)
    (line,) = [line for line in certainty.legend if "under protocol std-v1" in line]
    assert "of 3 methods" in line and "M-SSIM 1.00" in line and " LPIPS −1.00" in line
    _, certainty, _ = tables(root, *rows, others=others[:2])
    assert not any("under protocol" in line for line in certainty.legend)


@pytest.mark.parametrize("damage", ["gone", "torn", "of another protocol"])
def test_without_a_rows_scores_the_tables_are_left_out_and_the_footer_says_whose(many, damage):
    root, rows = many
    path = scores_path(rows[1].folder, "offline-v1")
    if damage == "gone":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.with_suffix(".json").write_text('{"score_key": "other"}')
    main, certainty, gains = tables(root, *rows)
    assert certainty is None and gains is None and not any(value.tied for row in main.rows for value in row.values)
    (line,) = unread_line(read(ScoreFrames(Store(root)), comparisons(rows)[0]))
    assert rows[1].folder.name in line and "bench run" in line


def test_one_competitor_has_gains_and_no_certainty_and_a_plumbing_check_neither(tmp_path):
    pairs = pair_list(12)
    copy, alone = write(tmp_path, "copy", pairs), write(tmp_path, "mrnet", pairs, 0.1)
    _, certainty, gains = tables(tmp_path, alone, copy)
    assert certainty is None and len(gains.rows) == 1
    smoke = write(tmp_path, "pg2", pairs, preset="smoke", ranked=False)
    assert tables(tmp_path, smoke, copy)[1:] == (None, None)


def test_markdown_and_csv_hold_the_tables_and_are_the_same_bytes_twice(many, tmp_path):
    root, _ = many
    write_pairs(root, pair_list(12))
    first, second = write_one(root, tmp_path / "a"), write_one(root, tmp_path / "b")
    assert first.files["markdown"].read_bytes() == second.files["markdown"].read_bytes()
    assert first.files["csv"].read_bytes() == second.files["csv"].read_bytes()
    words = first.files["markdown"].read_text(encoding="utf-8")
    assert words.index("≈") < words.index("## Certainty") < words.index("## Gain over controls")
    (patn,) = [row for row in read_csv(first.files["csv"]) if row["method"] == "patn" and row["scope"] == "all"]
    assert float(patn["m_ssim_to_best"]) == pytest.approx(-0.301) and float(patn["m_ssim_to_best_high"]) < 0
    assert float(patn["gain_copy_lpips"]) == pytest.approx(-0.2) and patn["m_ssim_rank"] == "3.0"
    (pg2,) = [row for row in read_csv(first.files["csv"]) if row["method"] == "pg2" and row["scope"] == "all"]
    assert pg2["m_ssim_tied_with_best"] == "yes" and patn["m_ssim_tied_with_best"] == ""
