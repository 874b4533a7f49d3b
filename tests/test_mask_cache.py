"""The cache of masks: each is made once for what it depends on, and is there whole or not at all."""

import errno
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness.images import read_mask
from harness.mask_cache import MaskCache
from harness.segmenter import Segmenter, SegmenterCard
from mrnet import files
from mrnet.skeletons import FOOTAGE18, PENN13, Skeleton

IMAGE = np.random.default_rng(0).integers(0, 256, (21, 13, 3), dtype=np.uint8)
JOINTS = np.arange(26, dtype=np.float32).reshape(13, 2)
JOINTS[4] = np.nan
BOX = np.array([1, 2, 9, 20], dtype=np.float32)
DATA = b"the image file"


class Counting(Segmenter):
    """Bright pixels are person; remembers how often it was asked."""

    card = SegmenterCard("counting", "for tests", version=1, sees_image=True)

    def __init__(self, **provenance):
        super().__init__({"segmenter": "counting", "version": 1, "assets": {"made": "a" * 64}, **provenance})
        self.asked = 0

    def mask(self, subject):
        self.asked += 1
        assert subject.image.shape == (*subject.size_px, 3)
        return (subject.image[..., 0] > 127).astype(np.uint8)


class Broken(Counting):
    def mask(self, subject):
        raise KeyboardInterrupt


@pytest.fixture
def cache(empty_home):
    return MaskCache(Counting())


def asked(cache):
    return cache._segmenter.asked


def ask(cache, data=DATA, decode=lambda: IMAGE, joints=JOINTS, box=BOX, skeleton=PENN13):
    return cache.mask(data, decode, joints, box, skeleton)


def never():
    raise AssertionError("the image was decoded though its mask is there")


def kept(cache):
    return sorted(path for path in cache.folder.rglob("*") if path.is_file())


def test_the_same_content_is_segmented_and_decoded_once(cache):
    first = ask(cache)
    again = ask(cache, decode=never, joints=JOINTS.copy())
    assert asked(cache) == 1 and np.array_equal(first, again)
    assert first.dtype == again.dtype == np.uint8 and again.shape == IMAGE.shape[:2] and set(np.unique(again)) == {0, 1}


def test_another_process_finds_what_one_has_made(cache):
    ask(cache)
    later = MaskCache(Counting())
    ask(later, decode=never)
    assert asked(later) == 0


def test_types_and_layouts_of_the_same_numbers_do_not_matter(cache):
    ask(cache)
    ask(cache, decode=never, joints=np.asfortranarray(JOINTS.astype(np.float64)), box=BOX.astype(int))
    assert asked(cache) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"data": b"another image file"},
        {"joints": JOINTS + 0.25},
        {"joints": np.nan_to_num(JOINTS)},
        {"box": BOX + 1},
        {"skeleton": Skeleton("penn13-renamed", PENN13.joints, (), ())},
        {"skeleton": FOOTAGE18, "joints": np.ones((18, 2))},
    ],
)
def test_anything_else_it_depends_on_gives_another_mask(cache, other):
    ask(cache)
    ask(cache, **other)
    assert asked(cache) == 2 and len(kept(cache)) == 2


@pytest.mark.parametrize("other", [{"version": 2}, {"assets": {"made": "b" * 64}}, {"segmenter": "another"}])
def test_another_segmenter_version_or_weights_give_another_mask(cache, other):
    ask(cache)
    changed = MaskCache(Counting(**other))
    ask(changed)
    assert asked(changed) == 1 and changed.folder != cache.folder
    ask(cache, decode=never)


def test_masks_are_one_bit_pngs_under_segmenter_and_provenance(cache, empty_home):
    mask = ask(cache)
    (path,) = kept(cache)
    assert path == cache.path(DATA, JOINTS, BOX, PENN13)
    folder, start, name = path.relative_to(empty_home / "cache" / "masks").parts
    assert folder.startswith("counting-") and len(folder) == len("counting-") + 8
    assert len(start) == 2 and name.startswith(start) and len(name) == 64 + len(".png")
    assert np.array_equal(read_mask(path), mask)
    assert path.read_bytes()[24] == 1, "PNG's bit depth"


def test_the_folder_may_be_named(tmp_path, empty_home):
    cache = MaskCache(Counting(), tmp_path / "mine")
    ask(cache)
    assert len(list((tmp_path / "mine").rglob("*.png"))) == 1 and not empty_home.exists()


@pytest.mark.parametrize("fill", [0, 1])
def test_empty_and_full_masks_come_back_as_they_were(cache, fill):
    image = np.full((8, 9, 3), fill * 255, dtype=np.uint8)
    ask(cache, decode=lambda: image)
    assert np.array_equal(ask(cache, decode=never), np.full((8, 9), fill))


def test_a_damaged_file_is_never_taken_for_a_mask(cache):
    mask = ask(cache)
    (path,) = kept(cache)
    whole = path.read_bytes()
    for position in reversed(range(len(whole))):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1 :])
        assert np.array_equal(ask(cache), mask), position
        path.write_bytes(whole[:position])
        assert np.array_equal(ask(cache), mask), position
    assert asked(cache) > len(whole)
    assert path.read_bytes() == whole, "and it is mended"


def test_a_file_of_another_kind_is_made_anew(cache):
    ask(cache)
    (path,) = kept(cache)
    from PIL import Image

    Image.new("L", (13, 21), 255).save(path)
    ask(cache)
    assert asked(cache) == 2


def test_an_interrupted_segmentation_leaves_nothing(empty_home):
    cache = MaskCache(Broken())
    with pytest.raises(KeyboardInterrupt):
        ask(cache)
    assert not kept(cache)


def test_an_interrupted_write_leaves_nothing_that_is_taken_for_whole(cache, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            ask(cache)
    assert not kept(cache)
    ask(cache)
    assert asked(cache) == 2 and len(kept(cache)) == 1


def test_what_a_killed_process_was_writing_is_not_read(cache):
    path = cache.path(DATA, JOINTS, BOX, PENN13)
    path.parent.mkdir(parents=True)
    (path.parent / f".{path.name}.abc.tmp").write_bytes(b"\x89PNG")
    assert np.array_equal(ask(cache), IMAGE[..., 0] > 127)


def test_two_at_once_are_harmless(empty_home):
    caches = [MaskCache(Counting()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, caches))
    assert all(np.array_equal(mask, found[0]) for mask in found)
    assert len(kept(caches[0])) == 1
