"""The training loop: what it logs, how it resumes, when it stops."""

import csv
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from methods import training
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo
from methods.schedule import indices_of_step, learning_rate_at
from mrnet.skeletons import PENN13

SIZE_PX = 16


class NoisePairs:
    """24 pairs of seeded noise, the target a fixed function of the reference."""

    info = DatasetInfo("noise", (SIZE_PX, SIZE_PX), PENN13, True, "joints")

    def __len__(self):
        return 24

    def batch(self, indices):
        images = torch.stack(
            [torch.rand(3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(i)) for i in indices]
        )
        ones = torch.ones(len(images), 1, SIZE_PX, SIZE_PX)
        joints = torch.zeros(len(images), len(PENN13), 2)
        box = torch.tensor([[0.0, 0, SIZE_PX, SIZE_PX]]).repeat(len(images), 1)
        condition = Condition(images * 2 - 1, ones, joints, box, joints, box, PENN13)
        return Batch(condition, images.flip(1) * 2 - 1, ones)


class Nothing:
    def state_dict(self, asset):
        raise AssertionError(f"{asset} asked for")


def context(folder, steps=6, **changes):
    schedule = TrainingSchedule(steps=steps, batch_size=4, learning_rate=1e-2, warmup_steps=2, checkpoint_every=2)
    return FitContext(folder=folder, seed=3, schedule=replace(schedule, **changes), weights=Nothing(), device="cpu")


def run(fit_context, stop_after=None, poison_at=None):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.2), nn.Conv2d(8, 3, 3, padding=1)
    )
    optimizer = torch.optim.Adam(network.parameters())
    calls = []

    def loss(batch):
        if stop_after is not None and len(calls) == stop_after:
            raise KeyboardInterrupt
        calls.append(1)
        error = (network(batch.condition.image) - batch.target).square().mean()
        if poison_at == len(calls) - 1:
            error = error / 0
        return error, {"rec": error}

    program = training.Program.single(network, optimizer, loss)
    training.train(program, NoisePairs(), fit_context, training.make_fabric("cpu", "fp32"))
    return network.state_dict()


def rows(folder):
    with (folder / "train.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    whole = run(context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        run(context(tmp_path / "broken"), stop_after=5)
    resumed = run(context(tmp_path / "broken"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    whole_log, resumed_log = rows(tmp_path / "whole"), rows(tmp_path / "broken")
    assert [row["step"] for row in resumed_log] == [str(step) for step in range(6)]
    assert [row["total"] for row in whole_log] == [row["total"] for row in resumed_log]


def test_the_seed_decides_the_result(tmp_path):
    one = run(context(tmp_path / "one"))
    other = run(replace(context(tmp_path / "other"), seed=4))
    assert not torch.equal(one["0.weight"], other["0.weight"])


def test_a_loss_that_is_not_finite_stops_naming_step_and_terms(tmp_path):
    with pytest.raises(training.TrainingDiverged, match="not finite at step 3: total = inf, rec = inf"):
        run(context(tmp_path), poison_at=3)


def test_an_epoch_visits_every_pair_once_and_batches_run_on_across_its_end():
    visited = [index for step in range(4) for index in indices_of_step(step, 3, 6, seed=1)]
    assert sorted(visited[:6]) == list(range(6)) == sorted(visited[6:])
    straddling = indices_of_step(1, 4, 6, seed=1)
    assert straddling == visited[4:8]


def test_the_learning_rate_warms_up_then_decays_to_zero():
    schedule = TrainingSchedule(steps=10, batch_size=1, learning_rate=1.0, warmup_steps=2, decay="cosine")
    rates = [learning_rate_at(step, schedule) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert all(later < earlier for earlier, later in zip(rates[2:], rates[3:], strict=False))
    assert rates[-1] < 0.05
    assert learning_rate_at(9, replace(schedule, decay="constant")) == 1.0


def test_progress_is_reported_step_by_step(tmp_path):
    seen = []
    run(replace(context(tmp_path), on_step=lambda done, steps, terms: seen.append((done, steps, set(terms)))))
    assert seen == [(done, 6, {"total", "rec"}) for done in range(1, 7)]


# Turns and phases: adversaries ------------------------------------------------------------------------------------


class Adversaries:
    """A generator that first learns alone, then against a discriminator whose turn comes first."""

    PHASE_ENDS = 2

    def __init__(self, poison=None):
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Dropout(0.2), nn.Conv2d(4, 3, 3, padding=1))
        self.discriminator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3))
        self.of_generator = torch.optim.Adam(self.generator.parameters())
        self.of_discriminator = torch.optim.Adam(self.discriminator.parameters())
        self.events, self.poison = [], poison
        for name, optimizer in (("generator", self.of_generator), ("discriminator", self.of_discriminator)):
            optimizer.register_step_post_hook(lambda *_, name=name: self.events.append(f"step {name}"))

    def make(self, batch):
        self.events.append("make")
        return batch, self.generator(batch.condition.image)

    def alone(self, made):
        batch, image = made
        error = (image - batch.target).square().mean()
        return error, {"rec": error}

    def judge(self, made):
        batch, image = made
        self.events.append("judge")
        loss = (
            self.discriminator(image.detach()).square().mean() + (self.discriminator(batch.target) - 1).square().mean()
        )
        if self.poison == len(self.events):
            loss = loss * math.nan
        return loss, {}

    def fool(self, made):
        batch, image = made
        self.events.append("fool")
        # as the discriminator's own step left it
        assert all(weight.grad is not None for weight in self.discriminator.parameters())
        self.judged_with = [weight.grad.clone() for weight in self.discriminator.parameters()]
        fooled = (self.discriminator(image) - 1).square().mean()
        error = (image - batch.target).square().mean()
        return fooled + error, {"rec": error, "gan": fooled}

    def program(self):
        first = training.Phase((training.Turn("alone", self.of_generator, self.alone),), self.make, self.PHASE_ENDS)
        second = training.Phase(
            (
                training.Turn("discriminator", self.of_discriminator, self.judge),
                training.Turn("generator", self.of_generator, self.fool),
            ),
            self.make,
        )
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return training.Program(networks, (first, second))

    def train(self, fit_context):
        training.train(self.program(), NoisePairs(), fit_context, training.make_fabric("cpu", "fp32"))
        return {**self.generator.state_dict(), **{f"d.{k}": v for k, v in self.discriminator.state_dict().items()}}


def test_turns_follow_their_order_and_phases_their_steps(tmp_path):
    adversaries = Adversaries()
    adversaries.train(context(tmp_path, steps=3))
    alone = ["make", "step generator"]
    assert adversaries.events == [*alone, *alone, "make", "judge", "step discriminator", "fool", "step generator"]


def test_a_network_without_a_turn_does_not_move(tmp_path):
    adversaries = Adversaries()
    before = {name: value.clone() for name, value in adversaries.discriminator.state_dict().items()}
    adversaries.train(context(tmp_path, steps=2))
    after = adversaries.discriminator.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_turn_gives_no_gradient_to_others(tmp_path):
    adversaries = Adversaries()
    adversaries.train(context(tmp_path, steps=3))
    left = [weight.grad for weight in adversaries.discriminator.parameters()]
    assert all(torch.equal(now, then) for now, then in zip(left, adversaries.judged_with, strict=True))


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_adversaries_resume_bit_for_bit_on_both_sides_of_a_phase(tmp_path, stop_at):
    whole = Adversaries().train(context(tmp_path / "whole"))
    done = []
    stopping = replace(context(tmp_path / "broken"), on_step=lambda step, *_: done.append(step),
                       stop=lambda: len(done) == stop_at)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        Adversaries().train(stopping)
    resumed = Adversaries().train(context(tmp_path / "broken"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)

    def logged(folder):
        return [{name: value for name, value in row.items() if name != "seconds"} for row in rows(folder)]

    assert logged(tmp_path / "whole") == logged(tmp_path / "broken")


def test_columns_of_a_later_phase_are_empty_before_it(tmp_path):
    Adversaries().train(context(tmp_path, steps=3))
    first, second, third = rows(tmp_path)
    assert list(first) == ["step", "learning_rate", "seconds", "alone", "rec", "discriminator", "generator", "gan"]
    assert first["alone"] and second["alone"] and not third["alone"]
    assert third["gan"] and not first["gan"] and not second["gan"]
    assert [row["step"] for row in (first, second, third)] == ["0", "1", "2"]


def test_any_turn_that_is_not_finite_stops_the_training(tmp_path):
    with pytest.raises(training.TrainingDiverged, match="not finite at step 2: discriminator = nan"):
        Adversaries(poison=6).train(context(tmp_path))


def test_every_optimiser_has_the_schedules_rate(tmp_path):
    adversaries = Adversaries()
    adversaries.train(context(tmp_path, steps=4, warmup_steps=0, decay="linear"))
    for optimizer in (adversaries.of_generator, adversaries.of_discriminator):
        assert optimizer.param_groups[0]["lr"] == 0  # the last stair's


# Decay ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "steps_an_epoch", "held", "factor"),
    [
        (700, 125, 498, lambda done: 1 - max(0, done + 2 - 500) / 201),  # PATN, epochs done
        (20, 282, 9, lambda done: 1 - max(0, done + 1 - 10) / 10),  # PN-GAN, which steps at the start of an epoch
    ],
)
def test_linear_decay_reproduces_the_releases_stairs(epochs, steps_an_epoch, held, factor):
    schedule = TrainingSchedule(
        steps=epochs * steps_an_epoch, batch_size=1, learning_rate=2e-4, decay="linear",
        hold_steps=held * steps_an_epoch, stair_steps=steps_an_epoch,
    )  # fmt: skip
    for done in range(epochs):
        first, last = done * steps_an_epoch, (done + 1) * steps_an_epoch - 1
        assert learning_rate_at(first, schedule) == pytest.approx(2e-4 * factor(done), abs=1e-12)
        assert learning_rate_at(last, schedule) == learning_rate_at(first, schedule)


def test_an_unknown_decay_names_the_known():
    with pytest.raises(ValueError, match="'constant', 'cosine', 'linear', 'halving', got 'cubic'"):
        learning_rate_at(0, TrainingSchedule(1, 1, 1.0, decay="cubic"))


def test_halving_takes_half_after_every_stair():
    schedule = TrainingSchedule(steps=120, batch_size=1, learning_rate=2e-5, decay="halving", stair_steps=50)
    assert [learning_rate_at(step, schedule) for step in (0, 49, 50, 99, 100)] == [2e-5, 2e-5, 1e-5, 1e-5, 5e-6]
