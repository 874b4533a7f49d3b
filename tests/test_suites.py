"""Suites: what they hold, and what the command line says in their place."""

import pytest
import yaml
from small_run import arguments
from typer.testing import CliRunner

from harness import config
from harness.cli import app
from harness.errors import UserError
from harness.presets import load_preset
from harness.suites import Suite, asked_for, load_suite
from methods import cards, registry
from methods.card import MethodCard

NOTHING = dict.fromkeys(("methods", "dataset", "split", "preset", "protocol", "seeds"))


@pytest.mark.parametrize("name", config.names("suites"))
def test_a_shipped_suite_names_what_exists_and_its_preset_has_a_schedule_for_it(name):
    suite = load_suite(name)
    assert suite.name == name and len(set(suite.methods)) == len(suite.methods)
    preset = load_preset(suite.preset)
    for method in suite.methods:
        card = registry.card(method)
        for part in [part.card for part in card.parts] or [card]:
            if part.learns:
                preset.for_method(part.name)


def test_every_method_is_in_both_suites_of_everything_and_every_competitor_under_both_wrappers():
    for name in ("everything-quick", "everything-smoke"):
        methods = load_suite(name).methods
        ours = (value for value in vars(cards).values() if isinstance(value, MethodCard))
        competitors = {card.name for card in ours if card.learns} - {"mrnet", "deepfill"}
        assert {"mrnet", "deepfill", *competitors} <= set(methods)
        for competitor in competitors:
            assert {f"crop-inpaint({competitor})", f"union-crop({competitor})"} <= set(methods)


def test_what_is_given_takes_the_place_of_what_the_suite_says(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{name: mine, methods: [patn, dvg], dataset: bbc, seeds: [0, 1]}")
    suite = asked_for(str(path), {**NOTHING, "dataset": "penn", "seeds": (7,)})
    assert (suite.methods, suite.dataset, suite.seeds, suite.preset) == (("patn", "dvg"), "penn", (7,), "quick")
    assert asked_for(None, {**NOTHING, "methods": ("patn",), "dataset": "penn"}).protocol == Suite().protocol


@pytest.mark.parametrize(
    "name, given, words",
    [
        (None, {"dataset": "penn"}, "--methods A,B, or --suite NAME"),
        (None, {"methods": ("patn",)}, "no dataset is named: say --dataset NAME"),
        ("everything-smoke", {}, "suite everything-smoke runs on any dataset: say --dataset NAME"),
        ("everything-smok", {}, "Did you mean 'everything-smoke'?"),
    ],
)
def test_what_is_unknown_is_asked_for(name, given, words):
    with pytest.raises(UserError, match=".") as error:
        asked_for(name, {**NOTHING, **given})
    assert words in str(error.value)


def test_a_suite_runs_and_the_end_is_counted(tmp_path):
    words = arguments(tmp_path, "")
    for option in ("--methods", "--dataset", "--preset"):
        at = words.index(option)
        del words[at : at + 2]
    suite = {
        "name": "small",
        "methods": ["copy", "target"],
        "dataset": "synthetic",
        "preset": str(tmp_path / "tests.yaml"),
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(suite))
    result = CliRunner().invoke(app, [*words, "--suite", str(tmp_path / "small.yaml")])
    assert result.exit_code == 0, result.output
    assert "2 done" in result.output
    listed = CliRunner().invoke(app, ["list", "suites"]).output
    assert "everything-quick: " in listed and "union-crop(patn)" in listed
