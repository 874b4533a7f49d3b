"""MR-Net as a method: it learns, obeys the contract's promises, and comes back from disk as it was."""

import numpy as np
import pytest
import torch

from methods import registry
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo
from mrnet.skeletons import PENN13

SIZE_PX = 32
INFO = DatasetInfo("toy", (SIZE_PX, SIZE_PX), PENN13, True, "joints")
SMALL = {"width": 4, "perceptual_network": "vgg16"}


class Pairs:
    """A bright square that moves to where the target's joints are."""

    info = INFO

    def __len__(self):
        return 16

    def frame(self, seed):
        rng = np.random.Generator(np.random.PCG64(seed))
        x, y = rng.integers(6, SIZE_PX - 6, size=2)
        image = torch.full((3, SIZE_PX, SIZE_PX), -0.5)
        mask = torch.zeros(1, SIZE_PX, SIZE_PX)
        image[:, y - 4 : y + 4, x - 4 : x + 4] = torch.tensor([0.9, 0.1, -0.9])[:, None, None]
        mask[:, y - 4 : y + 4, x - 4 : x + 4] = 1
        joints = torch.tensor([float(x), float(y)]).repeat(len(PENN13), 1)
        joints[0] = float("nan")
        return image, mask, joints, torch.tensor([x - 4.0, y - 4.0, x + 4.0, y + 4.0])

    def batch(self, indices):
        reference = [torch.stack(parts) for parts in zip(*(self.frame(index) for index in indices), strict=True)]
        target = [torch.stack(parts) for parts in zip(*(self.frame(index + 100) for index in indices), strict=True)]
        condition = Condition(*reference[:2], reference[2], reference[3], target[2], target[3], PENN13)
        return Batch(condition, target[0], target[1])


class RandomVGG:
    """Weights of the right shapes; what VGG-16 learned does not matter here."""

    def state_dict(self, asset):
        torchvision = pytest.importorskip("torchvision")
        torch.manual_seed(0)
        features = getattr(torchvision.models, asset)(weights=None).features
        return {f"features.{name}": value for name, value in features.state_dict().items()}


def fitted(folder, steps=3, **parameters):
    method = registry.build("mrnet", INFO, {**SMALL, **parameters})
    schedule = TrainingSchedule(steps=steps, batch_size=4, learning_rate=2e-3, checkpoint_every=2)
    method.fit(
        Pairs(), FitContext(folder, seed=0, schedule=schedule, weights=RandomVGG(), device="cpu", precision="fp32")
    )
    return method


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("model"), steps=40, lambda1=0.0, lambda2=0.0)


def test_training_brings_the_person_nearer_to_the_target_than_copying_does(trained):
    batch = Pairs().batch(range(8))

    def error_inside_the_target_mask(image):
        return ((image - batch.target).abs() * batch.target_mask).sum() / batch.target_mask.sum()

    synthesized = error_inside_the_target_mask(trained.synthesize(batch.condition).image)
    assert synthesized < 0.8 * error_inside_the_target_mask(batch.condition.image)


def test_the_pose_decides_where_the_person_appears(trained):
    batch = Pairs().batch([0])
    moved = Condition(
        **{**vars(batch.condition), "target_joints": torch.full_like(batch.condition.target_joints, SIZE_PX / 2)}
    )
    assert not torch.allclose(trained.synthesize(batch.condition).image, trained.synthesize(moved).image, atol=0.05)


def test_an_image_does_not_depend_on_its_batch(trained):
    condition = Pairs().batch(range(4)).condition
    whole = trained.synthesize(condition).image
    for index in range(4):
        alone = trained.synthesize(Pairs().batch([index]).condition).image
        assert torch.allclose(whole[index], alone[0], atol=1e-5)


def test_passes_are_returned_and_the_last_is_the_answer(trained):
    synthesis = trained.synthesize(Pairs().batch([0, 1]).condition)
    assert len(synthesis.passes) == 3
    assert torch.equal(synthesis.passes[-1], synthesis.image)
    assert synthesis.image.shape == (2, 3, SIZE_PX, SIZE_PX)
    assert synthesis.image.abs().max() <= 1


def test_save_and_load_give_the_same_images(trained, tmp_path):
    trained.save(tmp_path)
    again = registry.build("mrnet", INFO, {**SMALL, "lambda1": 0.0, "lambda2": 0.0})
    again.load(tmp_path)
    condition = Pairs().batch([3, 5]).condition
    assert torch.equal(trained.synthesize(condition).image, again.synthesize(condition).image)


def test_loading_another_shape_of_network_is_an_error(trained, tmp_path):
    trained.save(tmp_path)
    wider = registry.build("mrnet", INFO, {**SMALL, "width": 8})
    with pytest.raises(ValueError, match="shape|match"):
        wider.load(tmp_path)


def test_all_three_terms_are_logged(tmp_path):
    fitted(tmp_path, steps=2)
    header = (tmp_path / "train.csv").read_text().splitlines()[0]
    assert header == "step,learning_rate,seconds,total,reconstruction,perceptual,roi"


@pytest.mark.parametrize("name", ["passes", "non_local", "two_path"])
def test_ablation_parameters_reach_the_network(name, tmp_path):
    plain = registry.build("mrnet", INFO, SMALL)
    changed = registry.build("mrnet", INFO, {**SMALL, name: 1 if name == "passes" else False})
    condition = Pairs().batch([0]).condition
    counts = []
    for method in (plain, changed):
        torch.manual_seed(0)
        network = method._build().eval()
        with torch.no_grad():
            counts.append((sum(p.numel() for p in network.parameters()), len(network(*method._inputs(condition)))))
    assert counts[0] != counts[1]


def test_an_unknown_composition_says_which_exist(tmp_path):
    with pytest.raises(ValueError, match="'paper' or 'released'"):
        fitted(tmp_path, composition="realesed")


def test_the_released_composition_trains_with_the_released_loss(tmp_path):
    with pytest.raises(ValueError, match="released was trained with vgg19"):
        fitted(tmp_path, composition="released")
    method = registry.build("mrnet", INFO, {**SMALL, "composition": "released", "perceptual_network": "vgg19"})
    assert method._objective(RandomVGG()).roi.transposed
