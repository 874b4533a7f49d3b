"""Where methods come from, what they accept, and what a wrong name says."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from methods import cards, registry
from methods.card import DatasetInfo, supports
from mrnet.skeletons import BBC7, FOOTAGE18, PENN13

PLUGIN = """
from methods.base import Method, Synthesis
from methods.card import MethodCard

class Grey(Method):
    card = MethodCard(name="grey", title="Grey", summary="Always grey.", paper="none", year=2026, licence="MIT",
                      version=1, learns=False)

    def synthesize(self, condition):
        return Synthesis(image=condition.image * 0)
"""


def info(size_px=(64, 64), has_masks=True):
    return DatasetInfo("toy", size_px, FOOTAGE18, has_masks, "joints")


def test_cards_are_read_without_torch():
    script = "import sys; from methods import registry; assert registry.cards(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_method_is_answered_with_a_suggestion_and_the_valid_names():
    with pytest.raises(registry.UnknownName, match=r"'mrnte'. Did you mean 'mrnet'\? Valid: .*mrnet"):
        registry.card("mrnte")


def test_an_unknown_parameter_is_an_error():
    with pytest.raises(registry.UnknownName, match="Did you mean 'passes'"):
        registry.resolve_parameters(cards.MRNET, {"pases": 2})


def test_parameters_keep_their_type():
    assert registry.resolve_parameters(cards.MRNET, {"lambda1": 1})["lambda1"] == 1.0
    with pytest.raises(ValueError, match="passes expects int"):
        registry.resolve_parameters(cards.MRNET, {"passes": True})


def test_a_plugin_file_adds_its_methods(tmp_path):
    path = tmp_path / "grey.py"
    path.write_text(PLUGIN)
    assert registry.load_plugin(path) == ["grey"]
    assert registry.build("grey", info(), {}).card.title == "Grey"


def test_a_plugin_may_not_take_a_built_in_name(tmp_path):
    path = tmp_path / "impostor.py"
    path.write_text(PLUGIN.replace('"grey"', '"mrnet"'))
    with pytest.raises(ValueError, match="belongs to a built-in method"):
        registry.load_plugin(path)


def test_a_plugin_without_a_method_says_so(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="defines no subclass"):
        registry.load_plugin(path)


def test_an_installed_package_adds_its_methods_by_an_entry_point(tmp_path):
    (tmp_path / "greys.py").write_text(PLUGIN)
    (tmp_path / "greys-1.0.dist-info").mkdir()
    (tmp_path / "greys-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: greys\nVersion: 1.0\n")
    (tmp_path / "greys-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\ngrey = greys:Grey\n"
    )
    script = "from methods import registry; assert registry.card('grey').title == 'Grey'"
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (info(size_px=(60, 64)), "divisible by 16"),
        (info(size_px=(16, 16)), "at least 32 px"),
        (info(has_masks=False), "needs person masks"),
    ],
)
def test_a_refusal_names_its_reason(dataset, reason):
    accepted, why = supports(cards.MRNET, dataset)
    assert not accepted
    assert reason in why


def test_any_joint_set_is_accepted_where_the_card_names_none():
    assert supports(cards.MRNET, DatasetInfo("toy", (64, 64), PENN13, True, "joints")) == (True, "")


def test_joints_may_be_derived_but_not_made_up():
    """BodyROI7 crops hips and knees, which BBC-Pose does not annotate; a neck is the middle of two shoulders."""
    body = dataclasses.replace(cards.MRNET, name="body", needs_joints=("neck", "left_hip", "left_knee"))
    assert supports(body, DatasetInfo("penn", (64, 64), PENN13, True, "joints")) == (True, "")
    assert supports(body, DatasetInfo("bbc", (64, 64), BBC7, True, "joints")) == (
        False,
        "body needs the joints left_hip, left_knee; bbc has no such (bbc7)",
    )


def test_the_assets_of_a_training_follow_its_parameters():
    assert cards.MRNET.assets(registry.resolve_parameters(cards.MRNET, {"perceptual_network": "vgg16"})) == ("vgg16",)


@pytest.mark.parametrize("size_px", [(128, 128), (128, 64), (256, 256), (256, 176), (64, 64)])
def test_the_built_in_methods_take_the_fields_sizes_but_where_their_networks_cannot(size_px):
    refusing = {
        name: reason
        for name in ("mrnet", "pg2", "pn_gan", "dvg", "patn", "guided_pix2pix")
        if (reason := supports(registry.card(name), info(size_px=size_px))[1])
    }
    if size_px == (256, 176):
        assert refusing == {
            "pg2": "pg2 halves images until they are 8 px high, so it needs a height of 8 times a power of two and a "
            "width divisible by that power; toy is 256×176"
        }
    else:
        assert refusing == {}


def test_pn_gan_names_the_least_side_its_discriminator_sees():
    assert supports(registry.card("pn_gan"), info(size_px=(64, 32))) == (
        False,
        "pn_gan needs sides of at least 56 px; toy is 64×32",
    )
