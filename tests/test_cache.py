"""The frame cache: whole or absent, whatever interrupts its building."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import cache
from harness.errors import UserError

ROOT = Path(__file__).parents[1]


def build(folder):
    array = cache.create_array(folder / "images.npy", (2, 3))
    array[:] = 7
    array.flush()


def must_not_build(folder):
    raise AssertionError("built twice")


def test_built_once_and_opened_as_a_read_only_memory_map(tmp_path):
    target = cache.open_or_build(tmp_path / "new" / "frames", build)
    cache.open_or_build(target, must_not_build)
    array = cache.open_array(target / "images.npy", (2, 3))
    assert isinstance(array, np.memmap) and array.dtype == np.uint8 and (array == 7).all()
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_an_interrupted_build_leaves_nothing_taken_for_whole(tmp_path):
    def interrupted(folder):
        build(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.open_or_build(tmp_path / "frames", interrupted)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert cache.open_or_build(tmp_path / "frames", build).is_dir()


def test_a_killed_build_is_done_again(tmp_path):
    script = (
        "import os, pathlib\nfrom harness import cache\n"
        "def build(folder):\n    (folder / 'images.npy').write_bytes(b'half')\n    os._exit(9)\n"
        f"cache.open_or_build(pathlib.Path({str(tmp_path)!r}) / 'frames', build)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 9
    left = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(left) == 1 and left[0].name != "frames"
    target = cache.open_or_build(tmp_path / "frames", build)
    assert (cache.open_array(target / "images.npy", (2, 3)) == 7).all()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [target], "what the killed build left is removed"


def test_damage_is_named(tmp_path):
    target = cache.open_or_build(tmp_path / "frames", build)
    with pytest.raises(UserError, match="expected uint8"):
        cache.open_array(target / "images.npy", (2, 4))
    (target / "images.npy").write_bytes(b"x")
    with pytest.raises(UserError, match="damaged cache"):
        cache.open_array(target / "images.npy", (2, 3))


def test_the_folder_tells_fingerprint_and_size(empty_home):
    a = cache.folder("footage", "a" * 64, (64, 64))
    assert empty_home in a.parents
    assert len({a, cache.folder("footage", "b" * 64, (64, 64)), cache.folder("footage", "a" * 64, (64, 32))}) == 3


def test_a_row_is_read_from_the_file_and_is_the_mapped_one(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    np.save(tmp_path / "images.npy", values)
    mapped = cache.open_array(tmp_path / "images.npy", (5, 4, 3))
    for array in (mapped, values, mapped[1:], mapped[:, ::2], mapped[::-1], np.asfortranarray(values)):
        for row in (0, len(array) - 1, -1):
            found = cache.read_row(array, np.int64(row))
            np.testing.assert_array_equal(found, array[row])
            found[:] = 0  # a copy, writeable
    np.testing.assert_array_equal(mapped, values)
    with pytest.raises(IndexError):
        cache.read_row(mapped, 5)
    (tmp_path / "images.npy").write_bytes((tmp_path / "images.npy").read_bytes()[:-1])
    with pytest.raises(UserError, match="cut off"):
        cache.read_row(mapped, 4)
