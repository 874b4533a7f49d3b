"""Controls: what `mean` is made of. What `copy` and `target` write is tested over a whole run, in test_runner."""

import numpy as np
import pytest
from sticks import Sticks

from harness import controls
from harness.errors import UserError
from harness.pairs import Pair, PairData, PairList

SIZE_PX = (32, 32)


def data(pairs):
    return PairData(Sticks().frames(SIZE_PX), PairList("sticks", "time", "test", 1, tuple(pairs)))


def frame(test, frame_id):
    return test.frames.images[test.frames.index(frame_id)].astype(np.float64)


def test_mean_counts_each_training_target_of_the_clip_once_and_no_other_frame():
    test = data([Pair.of("left/5", "left/6")])
    train = data([Pair.of("left/0", "left/1"), Pair.of("left/3", "left/1"), Pair.of("left/0", "left/2"),
                  Pair.of("right/0", "right/1")])  # fmt: skip
    expected = np.rint((frame(test, "left/1") + frame(test, "left/2")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_mean_of_a_clip_without_training_frames_is_that_of_all():
    test = data([Pair.of("left/5", "left/6")])
    train = data([Pair.of("right/0", "right/1"), Pair.of("right/0", "right/2")])
    expected = np.rint((frame(test, "right/1") + frame(test, "right/2")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_only_the_target_is_privileged():
    assert [name for name, card in controls.CONTROL_CARDS.items() if card.privileged] == ["target"]


def test_controls_but_target_never_read_the_test_target():
    test = data([Pair.of("left/5", "left/6")])
    train = data([Pair.of("left/0", "left/1")])
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, test.frames.images[0].shape, dtype=np.uint8)
    for name in ("copy", "mean"):
        before = controls.build(name, test, train).image(0).copy()
        blinded = data(test.pairs.pairs)
        blinded.frames.images[blinded.frames.index("left/6")] = noise
        assert np.array_equal(controls.build(name, blinded, train).image(0), before)


def test_an_unknown_control_is_an_error():
    test = data([Pair.of("left/5", "left/6")])
    with pytest.raises(UserError, match="Did you mean 'copy'"):
        controls.build("copi", test, test)
