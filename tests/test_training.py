"""The training loop: what it logs, how it resumes, when it stops."""

import csv
from dataclasses import replace

import pytest
import torch
from torch import nn

from methods import training
from methods.base import Batch, Condition, FitContext, TrainingSchedule
from methods.card import DatasetInfo
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

    training.train(network, loss, optimizer, NoisePairs(), fit_context, training.make_fabric("cpu", "fp32"))
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
    visited = [index for step in range(4) for index in training.indices_of_step(step, 3, 6, seed=1)]
    assert sorted(visited[:6]) == list(range(6)) == sorted(visited[6:])
    straddling = training.indices_of_step(1, 4, 6, seed=1)
    assert straddling == visited[4:8]


def test_the_learning_rate_warms_up_then_decays_to_zero():
    schedule = TrainingSchedule(steps=10, batch_size=1, learning_rate=1.0, warmup_steps=2, decay="cosine")
    rates = [training.learning_rate_at(step, schedule) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert all(later < earlier for earlier, later in zip(rates[2:], rates[3:], strict=False))
    assert rates[-1] < 0.05
    assert training.learning_rate_at(9, replace(schedule, decay="constant")) == 1.0


def test_progress_is_reported_step_by_step(tmp_path):
    seen = []
    run(replace(context(tmp_path), on_step=lambda done, steps, terms: seen.append((done, steps, set(terms)))))
    assert seen == [(done, 6, {"total", "rec"}) for done in range(1, 7)]
