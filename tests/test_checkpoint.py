"""Weights in files: what is loaded is exactly what was saved, and released files fit `MRNet.released`."""

import pytest
import torch
from torch import nn

from mrnet import checkpoint
from mrnet.network import MRNet

SMALL_WIDTH = 2


def small(seed, **options):
    torch.manual_seed(seed)
    return MRNet.paper(2, width=SMALL_WIDTH, **options)


def states_equal(first, second):
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_load_gives_back_what_save_wrote(tmp_path):
    saved, loaded = small(0).to(memory_format=torch.channels_last), small(1)
    assert not states_equal(saved, loaded)
    path = tmp_path / "new" / "model.safetensors"
    checkpoint.save(path, saved, {"width": "2"})
    assert checkpoint.load(path, loaded) == {"width": "2"}
    assert states_equal(saved, loaded)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_file_of_other_options_is_an_error_that_names_entries_and_changes_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, small(0), {})
    other, untouched = small(1, non_local=False), small(1, non_local=False)
    with pytest.raises(ValueError, match="not of this network: decoder_conv.nonlocal1.*and 21 more"):
        checkpoint.load(path, other)
    assert states_equal(other, untouched)
    with pytest.raises(ValueError, match=r"of another shape: encoder_conv.pose_enc.conv1.0.weight \(2, 2, 5, 5\) for"):
        checkpoint.load(path, MRNet.paper(3, width=SMALL_WIDTH))


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_an_unreadable_file_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot read the weights .*model.safetensors"):
        checkpoint.load(path, small(0))


def released_file(network):
    """A training model's state as the release saves it: the network, the perceptual network, the GAN's parts."""
    others = ("vgg_layers.0.weight", "vgg_layers.2.bias", "crit_gan.x", "net_d_pose.model.1.weight", "net_d_img.y")
    return {
        **{f"model.{name}": value for name, value in network.state_dict().items()},
        **{name: torch.zeros(1) for name in others},
    }


def test_released_files_load_strictly(tmp_path):
    torch.manual_seed(0)
    trained, fresh = MRNet.released(7, non_local=False), MRNet.released(7, non_local=False)
    torch.save(released_file(trained), tmp_path / "bbcpose_200.pt")
    checkpoint.load_released(tmp_path / "bbcpose_200.pt", fresh)
    assert states_equal(trained, fresh)
    with pytest.raises(ValueError, match="bbcpose_200.pt does not fit MRNet.*missing: decoder_conv.nonlocal1"):
        checkpoint.load_released(tmp_path / "bbcpose_200.pt", MRNet.released(7))


def test_old_files_of_the_bare_network_without_batch_counts_convert():
    norm = nn.BatchNorm2d(3)
    old = {f"module.bn.{name}": value for name, value in norm.state_dict().items() if name != "num_batches_tracked"}
    converted = checkpoint.convert_released(old)
    assert set(converted) == {f"bn.{name}" for name in norm.state_dict()}
    assert converted["bn.num_batches_tracked"] == 0


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"model.a": torch.zeros(1), "optimizer.b": torch.zeros(1)}, "foreign entries optimizer.b"),
        ({"vgg_layers.0.weight": torch.zeros(1)}, "no entry starts with model. or module."),
    ],
)
def test_a_file_of_something_else_is_an_error(state, message):
    with pytest.raises(ValueError, match=message):
        checkpoint.convert_released(state)


class Code:
    def __reduce__(self):
        return print, ("a pickle must not run",)


def test_a_released_file_cannot_run_code(tmp_path, capsys):
    torch.save({"model.a": Code()}, tmp_path / "penn_1.pt")
    with pytest.raises(ValueError, match="cannot read the released weights"):
        checkpoint.load_released(tmp_path / "penn_1.pt", small(0))
    assert "must not run" not in capsys.readouterr().out


def test_an_old_file_of_the_bare_network_needs_no_prefix(tmp_path):
    network = MRNet.released(7)
    torch.save(network.state_dict(), tmp_path / "bare.pt")
    checkpoint.load_released(tmp_path / "bare.pt", MRNet.released(7))
