"""Named YAML files and `--set`: what is read, what is refused, and what the refusal says."""

import pytest

from harness import config
from harness.errors import UserError
from harness.presets import Preset


def test_an_override_reaches_a_nested_key_and_keeps_its_type():
    preset = config.load("presets", "quick", Preset, ["methods.mrnet.schedule.steps=7", "precision=fp32"])
    assert preset.methods["mrnet"].schedule.steps == 7
    assert preset.precision == "fp32"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("precison=fp32", r"unknown key 'precison'\. Did you mean 'precision'\?"),
        ("methods.mrnet.schedule.stepz=1", r"Did you mean 'methods.mrnet.schedule.steps'\?"),
        ("methods.mrnet.schedul.steps=1", r"Did you mean 'methods.mrnet.schedule'\?"),
        ("methods.mrnet.schedule.steps=0", "greater than or equal to 1, got 0"),
        ("precision", "expected KEY=VALUE"),
        ("name.first=x", "name is a value, not a group of keys"),
    ],
)
def test_a_wrong_override_says_what_is_valid(override, said):
    with pytest.raises(UserError, match=said):
        config.load("presets", "quick", Preset, [override])


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(
        UserError, match=r"unknown preset 'quik'. Did you mean 'quick'\? Valid: fashion, long, paper, qui"
    ):
        config.load("presets", "quik", Preset)


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("name: [unclosed")
    with pytest.raises(UserError, match="broken.yaml is not valid YAML"):
        config.load("presets", str(path), Preset)
