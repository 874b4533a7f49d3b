"""MR-Net's two Inception networks, with made weights: BGR, resizing, layers; and what a wrong file says."""

import numpy as np
import pytest
import torch
from natural_images import crops
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import inception_v3

from harness.errors import UserError
from harness.metrics.features import build_extractor
from harness.metrics.fid import frechet_distance


def lively(network):
    """The network with weights that keep features apart: those of a fresh one are all alike."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.ndim == 4:
                torch.nn.init.kaiming_normal_(value)
            elif name.endswith("fc.weight"):
                torch.nn.init.normal_(value, std=0.05)
    return network


@pytest.fixture(scope="module")
def ported(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "ported.pth"
    with torch.random.fork_rng(), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *arguments: None)
        patch.setattr(torch, "load", lambda *arguments, **options: {})
        network = lively(FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path)))
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def of_torchvision(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "torchvision.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(lively(inception_v3(weights=None, init_weights=False)).state_dict(), path)
    return path


def tensor(images):
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


@pytest.mark.slow
def test_swapping_channels_on_one_side_changes_fid_and_on_both_it_is_another_number(ported):
    images = crops(24, 64)
    rgb, bgr = (build_extractor(name, ported) for name in ("inception-v3-compat", "inception-v3-bgr"))
    sides = images[:12], images[12:]
    with torch.inference_mode():
        plain, other = ([network(tensor(side))[0] for side in sides] for network in (rgb, bgr))
    same, swapped = frechet_distance(*plain), frechet_distance(plain[0], other[1])
    assert swapped > 1.01 * same
    assert frechet_distance(*other) != pytest.approx(same, rel=1e-3)


def test_at_its_own_side_the_bgr_network_is_the_other_on_swapped_channels(ported):
    image = np.random.default_rng(0).integers(0, 256, (1, 299, 299, 3), dtype=np.uint8)
    rgb, bgr = (build_extractor(name, ported) for name in ("inception-v3-compat", "inception-v3-bgr"))
    with torch.inference_mode():
        # (x - 128) / 128 there, 2 x / 255 - 1 here: all but equal
        torch.testing.assert_close(bgr(tensor(image[..., ::-1].copy())), rgb(tensor(image)), rtol=0.05, atol=0.02)


def test_torchvisions_network_is_torchvisions_on_aligned_corners(of_torchvision):
    image = crops(1, 64)
    ours = build_extractor("inception-v3-torchvision", of_torchvision)
    theirs = inception_v3(weights=None, init_weights=False, transform_input=False)
    theirs.load_state_dict(torch.load(of_torchvision, weights_only=True))
    scaled = tensor(image).float() / 127.5 - 1
    large = torch.nn.Upsample(size=(299, 299), mode="bilinear", align_corners=True)(scaled)
    with torch.inference_mode():
        pooled, logits = ours(tensor(image))
        torch.testing.assert_close(logits, theirs.eval()(large), rtol=1e-4, atol=1e-4)
    assert pooled.shape == (1, 2048) and logits.shape == (1, 1000)


def test_weights_of_another_network_are_refused(ported):
    with pytest.raises(UserError, match="does not hold the weights of torchvision's Inception-v3"):
        build_extractor("inception-v3-torchvision", ported)
