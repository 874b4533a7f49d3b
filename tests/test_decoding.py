"""From files to frames: decoded once, several at a time, exact to the pixel; masks by any segmenter."""

import hashlib
import json
import shutil
import threading
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from harness import datasets, paths
from harness.assets import ASSETS
from harness.datasets import decoding, file_hashes
from harness.errors import UserError
from harness.pairs import Pair, PairData, PairList
from harness.rendered import prepared
from harness.rendered.layouts import write
from harness.segmenter import SEGMENTERS

SIZE_PX = (64, 64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write("prepared", folder / "set", size=prepared.PreparedSize(videos=3, frames=6, train_pairs=8, test_pairs=3))
    return folder / "set"


@pytest.fixture(autouse=True)
def home(empty_home):
    return empty_home


def test_a_frame_is_decoded_once_however_many_pairs_use_it(root, monkeypatch):
    opened, read = [], decoding.images.decoded
    monkeypatch.setattr(decoding.images, "decoded", lambda path, data: opened.append(path) or read(path, data))
    dataset = datasets.get("prepared", root)
    data = PairData(dataset.frames(SIZE_PX), dataset.pair_list("mrnet", "train", SIZE_PX))
    for index in range(len(data)):
        data.batch([index])
    assert len(data) > 10 and len(opened) == len(set(opened)) == len(dataset.index)
    datasets.get("prepared", root).frames(SIZE_PX)
    assert len(opened) == len(dataset.index), "the second time it comes from the cache"


def test_images_masks_and_joints_are_those_of_the_files(root):
    dataset = datasets.get("prepared", root)
    frames, index = dataset.frames(SIZE_PX), dataset.index
    for row in range(len(index)):
        with Image.open(dataset.folder / index.images[row]) as image:
            expected = np.asarray(image.convert("RGB").resize(SIZE_PX, Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(frames.images[row], expected)
        person = np.asarray(Image.open(dataset.folder / index.masks[row])) != 0
        share = person.reshape(64, 2, 64, 2).mean(axis=(1, 3))  # 128 px to 64
        np.testing.assert_array_equal(frames.masks[row], share >= 0.5)
        np.testing.assert_allclose(frames.joints[row], (index.joints[row] + 0.5) / 2 - 0.5, atol=1e-4)
    assert frames.groups == tuple(name.split("/")[0] for name in frames.ids)


def test_threads_do_not_change_a_frame(root, monkeypatch):
    def built(threads):
        monkeypatch.setattr(decoding, "workers", lambda: threads)
        monkeypatch.setenv("BENCH_HOME", str(root.parent / f"home{threads}"))
        return datasets.get("prepared", root).frames(SIZE_PX)

    one, four = built(1), built(4)
    for name in ("images", "masks", "joints", "boxes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))


def test_several_frames_are_under_way_at_once_and_few_wait():
    begun, together = [], threading.Barrier(4, timeout=20)

    def work(item):
        begun.append(item)
        if item < 4:
            together.wait()  # returns only if four are at work
        return -item

    items = range(decoding._IN_FLIGHT * 3)
    results = decoding.in_parallel(work, items, 4)
    assert next(results) == 0
    assert len(begun) <= decoding._IN_FLIGHT, "what is begun is bounded"
    assert list(results) == [-item for item in items if item]


def test_an_interrupted_decoding_leaves_nothing_that_is_taken_for_whole(root, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    dataset = datasets.get("prepared", root)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "decode", stopped)
        with pytest.raises(KeyboardInterrupt):
            dataset.frames(SIZE_PX)
    assert not dataset.decoded(SIZE_PX)
    assert len(dataset.frames(SIZE_PX)) == len(dataset.index) and dataset.decoded(SIZE_PX)


def test_memory_does_not_grow_with_the_number_of_pairs(root):
    dataset = datasets.get("prepared", root)
    frames = dataset.frames(SIZE_PX)
    ids = frames.ids

    def peak(count):
        pairs = tuple(Pair(f"{i}", ids[i % len(ids)], ids[(i + 1) % len(ids)]) for i in range(count))
        tracemalloc.start()
        data = PairData(frames, PairList("prepared", "mrnet", "train", 1, pairs))
        for first in range(0, count, count // 4):
            data.batch([first, first + 1])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert (peak(10_000) - peak(100)) / 9_900 < 64, "two places in arrays a pair, not a picture"


@pytest.mark.parametrize("masks", ["joints", "keypoint", "box"])
def test_drawn_masks_take_the_place_of_the_files(root, masks):
    own, drawn = datasets.get("prepared", root), datasets.get("prepared", root, masks)
    assert own.fingerprint(SIZE_PX) != drawn.fingerprint(SIZE_PX)
    theirs, ours = own.frames(SIZE_PX), drawn.frames(SIZE_PX)
    assert ours.info.mask_source == masks and theirs.info.mask_source == "prepared"
    np.testing.assert_array_equal(theirs.images, ours.images)
    overlap = (theirs.masks & ours.masks).sum() / theirs.masks.sum()
    assert overlap > 0.6 and (theirs.masks != ours.masks).any()
    if masks == "box":
        left, top, right, bottom = ours.boxes[0].astype(int)
        expected = np.zeros(SIZE_PX, np.uint8)
        expected[top:bottom, left:right] = 1
        np.testing.assert_array_equal(ours.masks[0], expected)


def test_the_fingerprint_follows_files_annotations_masks_and_size_only(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    here, there = datasets.get("prepared", root), datasets.get("prepared", copy)
    assert here.fingerprint(SIZE_PX) == there.fingerprint(SIZE_PX), "wherever the files lie"
    assert here.fingerprint(SIZE_PX) != here.fingerprint((128, 128))
    mask = there.folder / there.index.masks[0]
    size = mask.stat().st_size
    Image.new("L", (128, 128)).save(mask)
    assert mask.stat().st_size == size
    assert datasets.get("prepared", copy).fingerprint(SIZE_PX) != here.fingerprint(SIZE_PX), "as many bytes, other ones"


def test_each_file_is_hashed_once_and_again_when_it_changes(root, tmp_path, monkeypatch):
    hashed, hash_of = [], file_hashes.sha256_of
    monkeypatch.setattr(file_hashes, "sha256_of", lambda path: hashed.append(path.name) or hash_of(path))
    names = [f"{number}.txt" for number in range(3)]
    for name in names:
        (tmp_path / name).write_text(name)
    first = file_hashes.file_hashes(tmp_path, [*names, "absent.txt"])
    assert first["absent.txt"] is None and first["0.txt"] == hashlib.sha256(b"0.txt").hexdigest()
    assert file_hashes.file_hashes(tmp_path, names) == {name: first[name] for name in names} and len(hashed) == 3
    table = next((paths.home() / "cache" / "hashes").glob("*.json"))
    table.write_text(json.dumps({"0.txt": 5, "1.txt": [], "2.txt": ["x"]}))
    assert file_hashes.file_hashes(tmp_path, names)["0.txt"] == first["0.txt"], "a table of another form is made anew"
    table.write_text("{")
    assert file_hashes.file_hashes(tmp_path, names)["0.txt"] == first["0.txt"], "and so is a damaged one"
    hashed.clear()
    (tmp_path / "1.txt").write_text("other")
    assert file_hashes.file_hashes(tmp_path, names)["1.txt"] == hashlib.sha256(b"other").hexdigest()
    assert hashed == ["1.txt"]


@pytest.mark.parametrize("name", ["images.npy", "masks.npy", "joints.npy", "boxes.npy"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "another shape"])
def test_a_damaged_cache_is_named(root, name, damage):
    dataset = datasets.get("prepared", root)
    dataset.frames(SIZE_PX)
    path = dataset._cache_folder(SIZE_PX) / name
    content = path.read_bytes()
    if damage == "another shape":
        np.save(path, np.zeros(3, np.float32))
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(UserError, match="Remove") as raised:
        datasets.get("prepared", root).frames(SIZE_PX)
    assert str(path) in str(raised.value)


def test_masks_of_a_network_need_its_weights_only_until_they_are_decoded(root):
    dataset = datasets.get("prepared", root, "maskrcnn")
    assert dataset.assets == ("maskrcnn_v2",) and ASSETS["maskrcnn_v2"].sha256
    dataset.fingerprint(SIZE_PX)  # a plan needs no file
    with pytest.raises(UserError, match="bench weights fetch maskrcnn_v2"):
        dataset.frames(SIZE_PX)


def test_unknown_masks_are_refused(root):
    with pytest.raises(UserError, match="Valid: prepared, joints"):
        datasets.get("prepared", root, "mask")
    with pytest.raises(UserError, match="'annotated'; it has no others"):
        datasets.get("footage", None, "joints")
    assert set(SEGMENTERS) == {"joints", "keypoint", "box", "blazepose", "maskrcnn"}


def test_missing_files_are_named(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    dataset = datasets.get("prepared", copy)
    (dataset.folder / dataset.index.images[2]).unlink()
    (dataset.folder / dataset.index.masks[3]).unlink()
    with pytest.raises(UserError, match="2 files are missing") as raised:
        dataset.frames(SIZE_PX)
    assert dataset.index.images[2] in str(raised.value) and dataset.index.masks[3] in str(raised.value)
