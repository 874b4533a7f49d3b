"""What may meet in a table, what is ranked, and how numbers are printed."""

import dataclasses
import math
from pathlib import Path

import pytest
from report_store import pair_list, record

from harness.errors import UserError
from harness.records import Budget, MetricValue
from harness.report import footer
from harness.report.build import group_table, main_table
from harness.report.select import Entry, Selection, comparisons
from harness.report.table import RowGroup, text


def entries(*records):
    return [Entry(result, Path(f"cells/footage/{result.method}-{place}")) for place, result in enumerate(records)]


def one(*records):
    (found,) = comparisons(entries(*records))
    return found


def value(table, method, key):
    place = [column.key for column in table.columns].index(key)
    (row,) = [row for row in table.rows if row.method == method]
    return row.values[place]


def test_a_table_is_frozen_and_leads_with_in_mask_and_in_box_numbers():
    table = main_table(one(record()))
    keys = [column.key for column in table.columns]
    assert keys == ["m_ssim", "box_lpips", "ssim", "psnr", "kd_efficientnet_lite0"]
    assert table.columns[0].heading == "M-SSIM ↑" and table.columns[1].heading == "box-LPIPS ↓"
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.title = ""


def test_rows_come_as_ranked_methods_then_controls_then_the_ceiling():
    table = main_table(one(record("target"), record("copy"), record("pg2"), record("mrnet"), record("mean")))
    assert [row.method for row in table.rows] == ["mrnet", "pg2", "copy", "mean", "target"]
    assert [row.group for row in table.rows[2:]] == [RowGroup.CONTROL, RowGroup.CONTROL, RowGroup.PRIVILEGED]


def test_best_and_second_are_marked_among_ranked_methods_alone():
    table = main_table(one(record("mrnet", better=0.1), record("pg2"), record("target", better=0.5), record("copy")))
    for key in ("m_ssim", "box_lpips", "ssim"):
        assert value(table, "mrnet", key).rank == 1 and value(table, "pg2", key).rank == 2
        assert value(table, "target", key).rank is None and value(table, "copy", key).rank is None


def test_one_competitor_is_never_called_the_best():
    table = main_table(one(record("mrnet"), record("copy"), record("target")))
    assert all(value.rank is None for row in table.rows for value in row.values)


def test_equal_printed_numbers_share_the_first_rank_and_leave_no_second():
    table = main_table(one(record("mrnet", better=0.00001), record("pg2"), record("dvg", better=-0.1)))
    assert [value(table, method, "m_ssim").rank for method in ("mrnet", "pg2", "dvg")] == [1, 1, None]


def test_small_set_distances_carry_a_dagger_and_are_never_ranked():
    table = main_table(one(record("mrnet", better=0.1), record("pg2")))
    small = value(table, "mrnet", "kd_efficientnet_lite0")
    assert small.rank is None and text(small, table.columns[-1]).endswith("†")
    assert any("†" in line for line in table.legend)


def test_a_row_that_did_not_settle_is_set_apart_and_not_ranked():
    table = main_table(one(record("mrnet"), record("dvg"), record("pg2", better=0.5, ranked=False)))
    assert table.rows[2].method == "pg2" and table.rows[2].group is RowGroup.NOT_SETTLED
    assert value(table, "pg2", "m_ssim").rank is None and not table.plumbing


def test_a_row_with_missing_images_is_not_ranked():
    table = main_table(one(record("mrnet", better=0.3, missing=2), record("pg2"), record("dvg", better=-0.1)))
    assert value(table, "mrnet", "m_ssim").rank is None and value(table, "pg2", "m_ssim").rank == 1


def test_the_headline_shows_its_interval_and_the_others_do_not():
    table = main_table(one(record("mrnet")))
    assert text(table.rows[0].values[0], table.columns[0]) == "0.400 [0.390, 0.410]"
    assert text(table.rows[0].values[1], table.columns[1]) == "0.300"


def test_several_seeds_make_one_row_with_their_spread():
    table = main_table(one(record(seed=0), record(seed=1, better=0.1), record(seed=2, better=0.2)))
    (row,) = table.rows
    assert row.seeds == (0, 1, 2)
    assert text(row.values[0], table.columns[0]) == "0.500 ± 0.100"


def test_other_parameters_make_another_row_that_names_them():
    table = main_table(one(record(parameters={"passes": 3, "width": 8}), record(parameters={"passes": 1, "width": 8})))
    assert sorted(row.label for row in table.rows) == ["MR-Net (passes=1)", "MR-Net (passes=3)"]


def test_of_a_wrappers_parts_only_the_parameters_that_differ_are_named():
    inner, other = {"patn": {"width": 8, "blocks": 9}}, {"patn": {"width": 16, "blocks": 9}}
    table = main_table(one(record(parameters=inner), record(parameters=other)))
    assert [row.note for row in table.rows] == ["patn.width=16", "patn.width=8"]


def test_infinite_and_absent_values_are_printed_as_such():
    infinite = record("target", metrics={"psnr": MetricValue(mean=math.inf, n=10), "m_ssim": MetricValue(mean=1, n=10)})
    table = main_table(one(record("mrnet"), infinite))
    columns = {column.key: column for column in table.columns}
    assert text(value(table, "target", "psnr"), columns["psnr"]) == "∞"
    assert text(value(table, "target", "ssim"), columns["ssim"]) == "—"


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "penn"},
        {"split": "camera"},
        {"size_px": (64, 64)},
        {"preset": "paper"},
        {"protocol": "std-v1"},
        {"budget": Budget(samples=99, steps=33, batch_size=3, seconds=1)},
    ],
)
def test_other_datasets_splits_sizes_presets_protocols_and_budgets_get_their_own_table(other):
    found = comparisons(entries(record("mrnet"), record("pg2", **other)))
    assert sorted(comparison.first.method for comparison in found) == ["mrnet", "pg2"]
    assert len({comparison.stem for comparison in found}) == 2


def test_controls_join_every_preset_and_budget_of_the_same_pairs_and_no_other():
    short = pair_list(2)
    found = comparisons(
        entries(
            record("mrnet"),
            record("mrnet", preset="paper"),
            record("copy"),
            record("mrnet", short, preset="smoke", ranked=False),
            record("copy", short, better=0.2),
        )
    )
    by_preset = {comparison.name.preset: [entry.record for entry in comparison.entries] for comparison in found}
    assert {preset: {result.method for result in found} for preset, found in by_preset.items()} == {
        preset: {"mrnet", "copy"} for preset in ("quick", "paper", "smoke")
    }
    assert all(len({result.pair_list_hash for result in found}) == 1 for found in by_preset.values())


def test_two_pair_lists_under_one_name_are_refused_by_name_unless_one_is_chosen():
    short, full = pair_list(2), pair_list()
    both = entries(record("mrnet", full), record("mrnet", short), record("copy", full))
    with pytest.raises(UserError) as refusal:
        comparisons(both)
    for words in (short.hash[:12], full.hash[:12], "footage", "split video", "--pairs"):
        assert words in str(refusal.value)
    (chosen,) = comparisons(both, Selection(pairs=full.hash[:8]))
    assert {entry.record.pair_list_hash for entry in chosen.entries} == {full.hash} and len(chosen.entries) == 2
    each = comparisons(both, Selection(pairs="all"))
    assert len(each) == 2 and len({comparison.stem for comparison in each}) == 2


@pytest.mark.parametrize("field", ["protocol_hash", "dataset_fingerprint"])
def test_two_versions_of_protocol_or_dataset_under_one_name_are_refused(field):
    with pytest.raises(UserError, match="never share a table"):
        comparisons(entries(record("mrnet"), record("pg2", **{field: "9" * 64})))


def test_an_unknown_name_is_answered_with_those_in_the_store():
    with pytest.raises(UserError, match="Did you mean 'quick'"):
        comparisons(entries(record("mrnet")), Selection(preset="quik"))


def test_of_two_records_of_one_method_and_seed_the_newer_is_shown_and_the_older_named():
    old, new = record(better=0.2), record(created="2026-02-01T00:00:00+00:00")
    comparison = one(new, old)
    assert [entry.record for entry in comparison.entries] == [new]
    assert any("Older records not shown: mrnet-1" in line for line in footer.lines(comparison))


def test_the_table_by_track_has_m_ssim_and_box_lpips_of_each_track():
    table = group_table(one(record("mrnet", better=0.1), record("pg2")))
    assert [column.heading for column in table.columns] == [
        "lab-cam01 M-SSIM ↑", "lab-cam01 box-LPIPS ↓", "lab-cam02 M-SSIM ↑", "lab-cam02 box-LPIPS ↓",
    ]  # fmt: skip
    assert [text(value, column) for value, column in zip(table.rows[0].values, table.columns, strict=True)] == [
        "0.500", "0.200", "0.510", "0.210",
    ]  # fmt: skip
    assert [value.rank for value in table.rows[0].values] == [1, 1, 1, 1]


def test_a_dataset_with_many_videos_has_no_table_by_track():
    many = {f"{number:04d}": {"m_ssim": 0.5} for number in range(50)}
    assert group_table(one(record(by_group=many))) is None


def test_the_footer_says_where_the_numbers_come_from():
    pairs = pair_list()
    words = "\n".join(footer.lines(one(record("mrnet"), record("copy"))))
    for part in (
        "n = 10, missing 0", "offline-v1, hash aaaaaaaaaaaa", pairs.hash[:12], "fingerprint ffffffffffff",
        "2,800 samples (700 steps × batch 4)", "alexnet bbbbbbbbbbbb", "torch 2.4.0", "BSD-3-Clause",
        "two men, two scenes, one take each", "no general claim",
    ):  # fmt: skip
        assert part in words
    assert "no general claim" not in "\n".join(footer.lines(one(record(dataset="penn"))))


def test_a_row_that_did_not_settle_keeps_its_numbers_and_stands_apart():
    for rows in ((record(settled=False),), (record(settled=False, better=0.2), record("pg2"), record("patn"))):
        table = main_table(one(*rows))
        (row,) = [row for row in table.rows if row.method == "mrnet"]
        assert row.group is RowGroup.NOT_SETTLED and not table.plumbing
        assert all(value.rank is None for value in row.values)
        assert text(row.values[0], table.columns[0]).startswith("0.")
        assert all(any(value.rank for value in other.values) for other in table.rows if other is not row)


def test_a_row_with_weights_from_elsewhere_stands_apart():
    given = record("patn", given_weights="9" * 64, origin="released weights", preset=None, budget=None, better=0.2)
    table = main_table(one(record(), record("pg2"), given))
    assert [row.group for row in table.rows] == [RowGroup.RANKED, RowGroup.RANKED, RowGroup.GIVEN]
    last = table.rows[-1]
    assert last.label == "Patn (released weights)" and all(value.rank is None for value in last.values)


def test_a_smoke_preset_ranks_nothing_and_prints_no_number():
    table = main_table(
        one(record(ranked=False, preset="smoke"), record("pg2", ranked=False, preset="smoke", better=0.2))
    )
    assert table.plumbing and all(value.rank is None for row in table.rows for value in row.values)
    assert text(table.rows[0].values[0], table.columns[0], table.plumbing) == "✓"
    assert table.legend[0].startswith("plumbing check: these numbers are not results")
