"""Controls: what `mean` is made of. What `copy` and `target` write is tested over a whole run, in test_runner."""

from dataclasses import replace

import numpy as np
import pytest

from harness import controls
from harness.datasets.synthetic import Synthetic
from harness.errors import UserError
from harness.pairs import Pair, PairData, PairList

SIZE_PX = (32, 32)


def data(pairs):
    return PairData(Synthetic().frames(SIZE_PX), PairList("synthetic", "time", "test", 1, tuple(pairs)))


def frame(test, frame_id):
    return test.frames.images[test.frames.index(frame_id)].astype(np.float64)


def test_mean_counts_each_training_target_of_the_clip_once_and_no_other_frame():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    numbers = ((0, 1), (3, 1), (0, 2))
    train = data(
        [*(Pair.of(f"ada-hall/0{a}", f"ada-hall/0{b}") for a, b in numbers), Pair.of("ben-yard/00", "ben-yard/01")]
    )
    expected = np.rint((frame(test, "ada-hall/01") + frame(test, "ada-hall/02")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_mean_of_a_clip_without_training_frames_is_that_of_all():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    train = data([Pair.of("ben-yard/00", "ben-yard/01"), Pair.of("ben-yard/00", "ben-yard/02")])
    expected = np.rint((frame(test, "ben-yard/01") + frame(test, "ben-yard/02")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_only_the_target_is_privileged():
    assert [name for name, card in controls.CONTROL_CARDS.items() if card.privileged] == ["target"]


def test_controls_but_target_never_read_the_test_target():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    train = data([Pair.of("ada-hall/00", "ada-hall/01")])
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, test.frames.images[0].shape, dtype=np.uint8)
    for name in ("copy", "mean"):
        before = controls.build(name, test, train).image(0).copy()
        images = np.array(test.frames.images)
        images[test.frames.index("ada-hall/06")] = noise
        blinded = PairData(replace(test.frames, images=images), test.pairs)
        assert np.array_equal(controls.build(name, blinded, train).image(0), before)


def test_an_unknown_control_is_an_error():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    with pytest.raises(UserError, match="Did you mean 'copy'"):
        controls.build("copi", test, test)
