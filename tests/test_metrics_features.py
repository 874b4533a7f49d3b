"""The feature extractors: what they see, that other images change no bit, and what is refused."""

import numpy as np
import pytest
import torch
from natural_images import crops
from skimage import data
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from harness.arithmetic import mapped_exactly
from harness.errors import UserError
from harness.metrics.features import build_extractor, describe, register_extractors


@pytest.fixture(scope="module")
def extractor(weights):
    return build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))


@pytest.mark.parametrize(("picture", "expected"), [(data.chelsea, 285), (data.coffee, 967)])
def test_efficientnet_knows_an_egyptian_cat_and_an_espresso(extractor, picture, expected):
    found = describe(picture(), extractor, "cpu")
    assert int(found.logits.argmax()) == expected
    assert found.features.shape == (1280,) and found.logits.shape == (1000,)
    assert found.features.dtype == found.logits.dtype == np.float32


def test_an_images_features_depend_on_it_alone_bit_for_bit(extractor):
    images = crops(5)
    alone = [describe(image, extractor, "cpu") for image in images]
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            again = list(mapped_exactly(lambda image: describe(image, extractor, "cpu"), images, workers=3))
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
        for first, second in zip(alone, again, strict=True):
            np.testing.assert_array_equal(first.features, second.features)
            np.testing.assert_array_equal(first.logits, second.logits)


def test_red_and_blue_are_not_interchangeable(extractor):
    image = crops(1)[0]
    first, second = (describe(picture, extractor, "cpu").features for picture in (image, image[..., ::-1]))
    assert np.abs(first - second).max() > 0.05


def test_an_extractor_that_gives_nan_is_refused(weights):
    broken = build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))
    broken.network._fc.bias.data[3] = float("nan")
    with pytest.raises(UserError, match="EfficientNet-Lite0 gives NaN or infinity.*damaged"):
        describe(crops(1)[0], broken, "cpu")


def test_registering_twice_keeps_the_one_extractor():
    register_extractors()
    registered = FEATURE_EXTRACTORS_REGISTRY["efficientnet-lite0"]
    register_extractors()
    assert FEATURE_EXTRACTORS_REGISTRY["efficientnet-lite0"] is registered


def test_an_unknown_extractor_is_named(tmp_path):
    with pytest.raises(UserError, match="Did you mean 'efficientnet-lite0'"):
        build_extractor("efficientnet-lite", tmp_path / "any.pth")


def test_only_files_of_tensors_are_opened(tmp_path):
    harmful = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(1), "code": print}, harmful)
    for name in ("inception-v3-compat", "efficientnet-lite0"):
        with pytest.raises(UserError, match="not opened"):
            build_extractor(name, harmful)
    with pytest.raises(UserError, match="no weights at"):
        build_extractor("inception-v3-compat", tmp_path / "absent.pth")


def test_another_networks_tensors_are_refused(tmp_path):
    other = tmp_path / "weights.pth"
    torch.save({"layer.weight": torch.zeros(1)}, other)
    for name in ("inception-v3-compat", "efficientnet-lite0"):
        with pytest.raises(UserError, match="does not hold the weights of.*bench weights fetch"):
            build_extractor(name, other)
