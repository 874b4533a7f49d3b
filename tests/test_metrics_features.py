"""The feature extractors: what they see, that a batch changes no bit, and what is refused."""

import numpy as np
import pytest
import torch
from natural_images import crops
from skimage import data
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from harness.errors import UserError
from harness.metrics.feature_cache import cache_key, cached, image_hash
from harness.metrics.features import Features, build_extractor, extract, register_extractors


@pytest.fixture(scope="module")
def extractor(weights):
    return build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))


@pytest.mark.parametrize(("picture", "expected"), [(data.chelsea, 285), (data.coffee, 967)])
def test_efficientnet_knows_an_egyptian_cat_and_an_espresso(extractor, picture, expected):
    found = extract([picture()], extractor, batch_size=1, device="cpu")
    assert int(found.logits.argmax()) == expected
    assert found.features.shape == (1, 1280)
    assert found.logits.shape == (1, 1000)


def test_an_images_features_depend_on_it_alone_bit_for_bit(extractor):
    images = crops(5)
    together = extract(images, extractor, batch_size=5, device="cpu")
    for batch_size in (1, 2, 64):
        again = extract(images, extractor, batch_size=batch_size, device="cpu")
        assert torch.equal(again.features, together.features)
        assert torch.equal(again.logits, together.logits)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threaded = extract(images, extractor, batch_size=5, device="cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(threaded.features, together.features)
    alone = extract(images[3:4], extractor, batch_size=7, device="cpu")
    assert torch.equal(alone.features[0], together.features[3])


def test_red_and_blue_are_not_interchangeable(extractor):
    image = crops(1)[0]
    found = extract([image, image[..., ::-1].copy()], extractor, batch_size=2, device="cpu").features
    assert (found[0] - found[1]).abs().max() > 0.05


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


def test_images_of_two_sizes_are_refused(extractor):
    with pytest.raises(UserError, match="several sizes"):
        extract([crops(1)[0], crops(1, 40)[0]], extractor, batch_size=2, device="cpu")


def test_cached_features_are_computed_once_and_come_back_bit_for_bit(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return Features(torch.rand(3, 8), torch.rand(3, 5))

    first, second = (cached(tmp_path / "features", "a" * 64, compute) for _ in range(2))
    assert len(calls) == 1
    assert torch.equal(first.features, second.features) and torch.equal(first.logits, second.logits)
    cached(None, "a" * 64, compute)
    assert len(calls) == 2
    (tmp_path / "features" / f"{'a' * 64}.safetensors").write_bytes(b"cut off")
    cached(tmp_path / "features", "a" * 64, compute)
    assert len(calls) == 3
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_the_cache_key_tells_apart_what_changes_the_numbers():
    one, other = (image_hash(image) for image in crops(2))
    changed = crops(1)[0]
    changed[0, 0, 0] ^= 1
    assert image_hash(changed) != one
    assert image_hash(np.zeros((2, 8, 3), np.uint8)) != image_hash(np.zeros((8, 2, 3), np.uint8))
    keys = {
        cache_key(hashes, extractor, weights, "cpu")
        for hashes in ([one, other], [other, one], [one])
        for extractor in ("efficientnet-lite0", "inception-v3-compat")
        for weights in ("f" * 64, "e" * 64)
    }
    assert len(keys) == 12
