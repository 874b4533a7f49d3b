"""Set metrics against torch-fidelity's own comparison of two folders, with both extractors."""

import numpy as np
import pytest
import torch
from natural_images import crops, described, noisy
from torch import nn
from torch_fidelity import calculate_metrics
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from harness.errors import UserError
from harness.images import write_png
from harness.metrics.features import build_extractor
from harness.metrics.protocol import load_protocol
from harness.metrics.rows import RowFile, StoredRows
from harness.metrics.sets import SetRows, set_values, too_few


class RandomInception(FeatureExtractorInceptionV3):
    """torch-fidelity's Inception-v3 before it reads a file."""

    def load_state_dict(self, state_dict):
        pass


@pytest.fixture(autouse=True)
def one_thread():
    """For torch-fidelity's own call: at these sizes threads mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory):
    """A weights file of the right names and shapes, random but of a spread that keeps images apart."""
    path = tmp_path_factory.mktemp("weights") / "weights-inception-2015-12-05-6726825d.pth"
    torch.save({}, path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = RandomInception("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), path)
    return path


def by_torch_fidelity(folder, generated, target, extractor, weights_path, subset_size):
    for name, images in (("generated", generated), ("target", target)):
        for index, image in enumerate(images):
            write_png(folder / name / f"{index:04d}.png", image)
    return calculate_metrics(
        input1=str(folder / "generated"),
        input2=str(folder / "target"),
        feature_extractor=extractor,
        feature_extractor_weights_path=str(weights_path),
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        kid_subset_size=subset_size,
        cuda=False,
        save_cpu_ram=True,
        cache=False,
        verbose=False,
        batch_size=8,
    )


def named(constants, generated, logits, target):
    """The rows under the name of the protocol's one extractor."""
    (info,) = constants.extractors
    return {info.name: SetRows(generated, logits, target)}


def agree(folder, protocol, weights_path, generated, target):
    constants = load_protocol(protocol).sets
    name = constants.frechet.extractor
    network = build_extractor(name, weights_path)
    (made, logits), (real, _) = (described(images, network) for images in (generated, target))
    found = set_values(named(constants, made, logits, real), constants)
    expected = by_torch_fidelity(folder, generated, target, name, weights_path, len(target) // 2)
    assert tuple(found) == constants.metric_keys
    kernel, frechet, score, precision, recall = found.values()
    assert (precision.value, recall.value) == pytest.approx((expected["precision"], expected["recall"]), rel=1e-6)
    # theirs sees eight images at a time, ours one: last bits of the features differ
    assert frechet.value == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)
    assert kernel.value == pytest.approx(1000 * expected["kernel_inception_distance_mean"], rel=1e-4)
    assert kernel.std == pytest.approx(1000 * expected["kernel_inception_distance_std"], rel=1e-4)
    assert score.value == pytest.approx(expected["inception_score_mean"], rel=1e-4)
    assert score.std == pytest.approx(expected["inception_score_std"], rel=1e-3)
    assert frechet.std is None
    return found


def test_efficientnet_agrees_with_torch_fidelity(tmp_path, weights):
    target = crops(20)
    found = agree(tmp_path, "offline-v1", weights.path("efficientnet_lite0"), noisy(target), target)
    assert all(value.n == 20 and value.marked_small for value in found.values())


def test_inception_agrees_with_torch_fidelity(tmp_path, inception_file):
    target = crops(10)
    agree(tmp_path, "std-v1", inception_file, noisy(target, strength=60), target)


def test_more_noise_is_farther_and_the_same_images_are_at_distance_0(weights):
    constants = load_protocol("offline-v1").sets
    network = build_extractor("efficientnet-lite0", weights.path("efficientnet_lite0"))
    target = crops(20)
    found = [described(images, network) for images in (target, noisy(target), noisy(target, 1, 70))]
    values = [set_values(named(constants, features, logits, found[0][0]), constants) for features, logits in found]
    kernel = [value["kd_efficientnet_lite0"].value for value in values]
    frechet = [value["fd_efficientnet_lite0"].value for value in values]
    assert kernel[0] < kernel[1] < kernel[2]
    assert frechet[0] == pytest.approx(0, abs=1e-3)
    assert frechet[0] < frechet[1] < frechet[2]


def test_sets_under_2048_are_marked():
    constants = load_protocol("offline-v1").sets
    rng = np.random.default_rng(0)

    def marks(n):
        generated, logits, target = rng.normal(size=(3, n, 4))
        rows = named(constants, generated, logits, target)
        return {value.marked_small for value in set_values(rows, constants).values()}

    assert marks(2047) == {True}
    assert marks(2048) == {False}


def test_what_is_not_defined_for_few_images_is_named():
    constants = load_protocol("offline-v1").sets
    assert too_few(constants, 10) == {}
    assert too_few(constants, 5) == {"is_efficientnet_lite0": "needs 10 different targets, has 5"}
    assert set(too_few(constants, 1)) == set(constants.metric_keys)
    assert too_few(load_protocol("mrnet-2020").sets, 49) == {"fid": "needs 50 pairs, has 49"}


def test_neither_the_workers_nor_where_the_rows_lie_change_a_bit(tmp_path):
    constants = load_protocol("offline-v1").sets
    rng = np.random.default_rng(1)
    generated, target = rng.normal(size=(2, 1500, 16)).astype(np.float32)
    logits = rng.normal(size=(1500, 5)).astype(np.float32)
    expected = set_values(named(constants, generated, logits, target), constants)
    stored = []
    for rows in (generated, logits, target):
        file = RowFile(tmp_path / str(len(stored)), rows.shape[1])
        stored.append(StoredRows(tuple((file, file.append(row)) for row in rows), 0, rows.shape[1]))
    assert set_values(named(constants, *stored), constants, workers=3) == expected


def test_features_that_are_not_finite_are_refused_by_every_set_metric():
    constants = load_protocol("offline-v1").sets
    good, bad = np.ones((20, 4)), np.ones((20, 4))
    bad[7, 2] = np.nan
    for sides in ((bad, good, good), (good, bad, good), (good, good, bad)):
        with pytest.raises(UserError, match="image 7"):
            set_values(named(constants, *sides), constants)
