"""Identity: the same person is 1, boxes are what is compared, DINOv2 with made weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from natural_images import crops, noisy

from harness import assets
from harness.errors import UserError
from harness.fetch import sha256_of
from harness.metrics.base import IDENTITIES
from harness.metrics.identity import Identity, cosine
from harness.weights import WeightStore

BOX = np.array([16.4, 8, 47.6, 56], dtype=np.float32)


@pytest.fixture(scope="module")
def lite(weights):
    return Identity(IDENTITIES["efficientnet-lite0"], weights)


def test_a_person_is_like_itself_less_like_its_noisy_self_and_least_like_another(lite):
    one, other = crops(2)
    features = [lite(image, BOX) for image in (one, one, noisy(one), other)]
    same, worse, least = (cosine(features[0], found) for found in features[1:])
    assert same == pytest.approx(1, abs=1e-6) and same <= 1
    assert same > worse > least
    assert np.linalg.norm(features[0]) == pytest.approx(1, abs=1e-6)


def test_what_lies_outside_the_box_does_not_count(lite):
    image = crops(1)[0]
    painted = image.copy()
    painted[:8], painted[:, :16], painted[:, 48:] = 0, 255, 128
    assert (lite(image, BOX) == lite(painted, BOX)).all()


def test_a_box_without_a_pixel_is_an_error(lite):
    with pytest.raises(UserError, match="holds no pixel"):
        lite(crops(1)[0], np.array([70, 0, 80, 9]))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A store whose DINOv2 is a fresh network under the release's tensor names."""
    timm = pytest.importorskip("timm")
    network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=518, num_classes=0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("gamma"):
                value.fill_(1.0)  # a fresh network hardly looks at the picture
    tensors = {**network.state_dict(), "mask_token": torch.zeros(1, 384)}
    info = assets.ASSETS["dinov2_vits14"]
    path = tmp_path / info.filename
    torch.save(tensors, path)
    changed = {**assets.ASSETS, info.name: replace(info, sha256=sha256_of(path))}
    monkeypatch.setattr(assets, "ASSETS", changed)
    return WeightStore(tmp_path)


def test_dinov2_loads_the_releases_file_and_compares(made):
    dino = Identity(IDENTITIES["dinov2-vits14"], made)
    one, other = crops(2)
    features = dino(one, BOX)
    assert features.shape == (384,)
    assert cosine(features, dino(one, BOX)) == pytest.approx(1, abs=1e-6)
    assert cosine(features, dino(other, BOX)) < 1 - 1e-6
