"""Presets: the shipped ones are valid, mirror the methods' schedule, and `--set` reaches every number."""

import dataclasses

import pytest

from harness import config
from harness.errors import UserError
from harness.presets import Schedule, load_preset
from methods import cards, registry
from methods.base import TrainingSchedule
from methods.card import MethodCard

BUILTIN = {card.name for card in vars(cards).values() if isinstance(card, MethodCard) and card.learns}


def test_the_schedule_mirrors_that_of_the_methods():
    required = {"steps": 7, "batch_size": 2, "learning_rate": 0.5}
    assert Schedule(**required).model_dump() == dataclasses.asdict(TrainingSchedule(**required))


@pytest.mark.parametrize("name", config.names("presets"))
def test_shipped_presets_name_known_methods_and_parameters(name):
    preset = load_preset(name)
    assert preset.name == name
    for method, entry in preset.methods.items():
        registry.resolve_parameters(registry.card(method), entry.parameters)
        assert preset.for_method(method)[1].steps == entry.schedule.steps


@pytest.mark.parametrize("name", ["paper", "quick", "smoke"])
def test_every_built_in_method_has_its_place(name):
    assert load_preset(name).methods.keys() == BUILTIN


def test_quick_gives_every_method_as_many_samples():
    schedules = [entry.schedule for entry in load_preset("quick").methods.values()]
    assert len({schedule.steps * schedule.batch_size for schedule in schedules}) == 1


def test_smoke_is_never_ranked_and_short():
    preset = load_preset("smoke")
    assert not preset.ranked
    assert all(entry.schedule.steps <= 20 for entry in preset.methods.values())


def test_set_changes_a_schedule_and_adds_a_method():
    preset = load_preset(
        "smoke",
        ["methods.mrnet.schedule.steps=10", *(f"methods.mine.schedule.{name}=1" for name in
         ("steps", "batch_size", "learning_rate"))],
    )  # fmt: skip
    assert preset.for_method("mrnet")[1].steps == 10
    assert preset.for_method("mine")[1] == TrainingSchedule(steps=1, batch_size=1, learning_rate=1.0)


def test_a_method_without_a_schedule_is_an_error_that_shows_how_to_give_one():
    with pytest.raises(UserError, match=r"--set methods\.mine\.schedule\.steps=") as error:
        load_preset("smoke").for_method("mine")
    assert "it has: bodyroi7, deepfill, dvg" in str(error.value)


def test_an_unknown_key_is_an_error():
    with pytest.raises(UserError, match="stepps"):
        load_preset("smoke", ["methods.mrnet.schedule.stepps=3"])
