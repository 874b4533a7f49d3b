"""Features on disk: found by the image's content, whole or not there, read back bit for bit in any order."""

import itertools

import numpy as np
import pytest
from natural_images import crops

from harness.errors import UserError
from harness.metrics.feature_cache import FeatureCache, cache_key, image_hash
from harness.metrics.rows import RowFile, StoredRows, block, blocks

WIDTH = 6
FEATURES = np.random.default_rng(0).random((5, WIDTH), dtype=np.float32)
NAMES = itertools.count()
HASHES = [image_hash(image) for image in crops(5)]


ROW_BYTES = 4 * WIDTH + 32


def opened(folder):
    """The cache in a folder, with a file for new rows that nobody else has."""
    return FeatureCache(folder / "cache", WIDTH, folder / str(next(NAMES)))


def filled(folder, indices):
    cache = opened(folder)
    for index in indices:
        cache.add(HASHES[index], FEATURES[index])
    cache.keep()


def test_what_was_kept_is_found_again_bit_for_bit_and_from_several_files(tmp_path):
    filled(tmp_path, [0, 1])
    second = opened(tmp_path)
    assert [key in second for key in HASHES] == [True, True, False, False, False]
    second.add(HASHES[3], FEATURES[3])
    second.keep()
    order = [3, 0, 1]
    for cache in (second, opened(tmp_path)):
        rows = StoredRows(tuple(cache.place(HASHES[index]) for index in order), 0, WIDTH)
        np.testing.assert_array_equal(rows[0:3], FEATURES[order])
        rows = StoredRows(rows.places, 2, 5)
        np.testing.assert_array_equal(rows[1:3], FEATURES[[0, 1], 2:5])
        assert rows.first(2).shape == (2, 3)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_what_was_not_kept_is_not_there_and_nothing_new_leaves_no_file(tmp_path):
    opened(tmp_path).add(HASHES[0], FEATURES[0])
    assert HASHES[0] not in opened(tmp_path)
    filled(tmp_path, [])
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("left", [slice(-1), slice(-ROW_BYTES), slice(3), slice(0), slice(ROW_BYTES, None)])
def test_a_damaged_file_counts_as_not_there_and_is_replaced(tmp_path, left):
    filled(tmp_path, [0, 1, 2])
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[left])
    assert HASHES[0] not in opened(tmp_path)
    filled(tmp_path, [0, 1, 2])
    assert HASHES[2] in opened(tmp_path)


def test_a_file_that_vanishes_or_is_cut_off_while_in_use_is_said(tmp_path):
    file = RowFile(tmp_path / "rows", WIDTH)
    file.append(FEATURES[0])
    with pytest.raises(UserError, match="cut off"):
        file.read([1])
    with pytest.raises(ValueError, match="expected"):
        file.append(FEATURES[0, :3])


def test_blocks_are_all_rows_in_order_and_nan_is_named():
    np.testing.assert_array_equal(np.vstack(list(blocks(FEATURES, 2))), FEATURES)
    assert block(FEATURES, 4, 2).shape == (1, WIDTH)
    for bad in (np.nan, np.inf, -np.inf):
        broken = FEATURES.copy()
        broken[3, 1] = bad
        with pytest.raises(UserError, match=r"image 3 \(from 0\) hold NaN or infinity"):
            list(blocks(broken, 2))


def test_the_hash_and_the_key_tell_apart_what_changes_the_numbers():
    changed = crops(1)[0]
    changed[0, 0, 0] ^= 1
    assert image_hash(changed) != HASHES[0]
    assert image_hash(np.zeros((2, 8, 3), np.uint8)) != image_hash(np.zeros((8, 2, 3), np.uint8))
    keys = {
        cache_key(extractor, weights, device)
        for extractor in ("efficientnet-lite0", "inception-v3-compat")
        for weights in ("f" * 64, "e" * 64)
        for device in ("cpu", "cuda:0", "cuda:1")
    }
    assert len(keys) == 8
