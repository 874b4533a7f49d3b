"""LPIPS against the lpips package, value and map."""

import numpy as np
import pytest
import torch
from natural_images import crops, noisy

from harness.errors import UserError
from harness.metrics.lpips import Lpips
from harness.metrics.protocol import load_protocol

CONSTANTS = load_protocol("offline-v1").lpips


@pytest.fixture(scope="module")
def alexnet(weights):
    return weights.state_dict("alexnet")


@pytest.fixture(scope="module")
def ours(alexnet):
    return Lpips(alexnet, CONSTANTS)


def package(alexnet, spatial):
    """The package as its users call it, its trunk filled by torchvision's layer numbers."""
    import lpips

    network = lpips.LPIPS(net="alex", pnet_rand=True, spatial=spatial, verbose=False)
    slices = {0: "slice1", 3: "slice2", 6: "slice3", 8: "slice4", 10: "slice5"}
    for number, name in slices.items():
        layer = getattr(getattr(network.net, name), str(number))
        layer.weight.data.copy_(alexnet[f"features.{number}.weight"])
        layer.bias.data.copy_(alexnet[f"features.{number}.bias"])
    return network


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("size_px", [64, 100])
def test_value_and_map_agree_with_the_package(alexnet, ours, size_px):
    value, spatial = package(alexnet, spatial=False), package(alexnet, spatial=True)
    for target, generated in zip(crops(3, size_px), crops(3, size_px, seed=1), strict=True):
        found = ours(generated, target)
        with torch.inference_mode():
            assert found.value == pytest.approx(float(value(tensor(generated), tensor(target))), abs=1e-6)
            expected = spatial(tensor(generated), tensor(target))[0, 0].numpy()
        assert found.map.shape == (size_px, size_px)
        np.testing.assert_allclose(found.map, expected, atol=1e-6)
        assert found.value > 0.1


def test_equal_images_have_distance_0_and_noise_grows_it(ours):
    image = crops(1)[0]
    distances = [ours(noisy(image, strength=strength), image).value for strength in (0, 10, 40)]
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]


def test_the_global_random_numbers_are_left_alone(alexnet):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    Lpips(alexnet, CONSTANTS)
    assert torch.equal(torch.rand(2), expected)


def test_an_image_under_32_px_is_refused(ours):
    small = crops(1, size_px=31)[0]
    with pytest.raises(UserError, match="31×31; LPIPS needs 32 px"):
        ours(small, small)


def test_weights_that_do_not_fit_are_refused(alexnet):
    incomplete = {name: value for name, value in alexnet.items() if name != "features.3.bias"}
    with pytest.raises(UserError, match=r"missing \['features.3.bias'\].*bench weights fetch alexnet"):
        Lpips(incomplete, CONSTANTS)
    wrong = {**alexnet, "features.0.bias": torch.zeros(3)}
    with pytest.raises(UserError, match="do not fit LPIPS"):
        Lpips(wrong, CONSTANTS)
