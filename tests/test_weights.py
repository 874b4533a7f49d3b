"""The weight store: what it finds, what it refuses, and how tensors are named."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
import torchvision

from harness.assets import ASSETS, DEMO_ASSETS, Asset
from harness.errors import UserError
from harness.fetch import PyPIMember, WebFile
from harness.pickles import load_arrays
from harness.weights import WeightStore


class RunsCode:
    """A pickle of this calls `open(path, "w")` when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def place(folder, monkeypatch, filename, content):
    """Put `content` into `folder` as the file of an asset `made`, with the hash it has."""
    folder.mkdir(exist_ok=True)
    (folder / filename).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    source = WebFile("https://example.org/x", sha256)
    monkeypatch.setitem(ASSETS, "made", Asset("made", "Made", source, filename, sha256[:8], 1, "none", "tests"))
    return folder


@pytest.mark.parametrize("network", ["alexnet", "vgg16"])
def test_features_load_strictly_into_torchvision(weights, network):
    tensors = weights.state_dict(network)
    assert all(name.startswith("features.") and value.dtype == torch.float32 for name, value in tensors.items())
    model = getattr(torchvision.models, network)(weights=None)
    features = {name.removeprefix("features."): value for name, value in tensors.items()}
    model.features.load_state_dict(features, strict=True)


@pytest.mark.parametrize(
    ("network", "module", "order", "index"), [("alexnet", "AlexNet_0", 1, 3), ("vgg16", "VGG16_0", 12, 28)]
)
def test_kernels_mean_the_same_after_conversion(weights, network, module, order, index):
    """One output of a convolution, from the file's (kh, kw, in, out) kernel by hand and from torch."""
    layer = load_arrays(weights.path(network))[module][f"Conv_{order}"]
    height, width, channels, _ = layer["kernel"].shape
    patch = np.random.default_rng(0).normal(size=(height, width, channels)).astype(np.float32)
    by_hand = np.einsum("hwi,hwio->o", patch, layer["kernel"]) + layer["bias"]
    tensors = weights.state_dict(network)
    image = torch.from_numpy(patch).permute(2, 0, 1)[None]
    by_torch = torch.nn.functional.conv2d(image, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"])
    np.testing.assert_allclose(by_torch[0, :, 0, 0].numpy(), by_hand, rtol=1e-3, atol=1e-4)


def test_efficientnet_is_whole(weights):
    tensors = weights.state_dict("efficientnet_lite0")
    assert len(tensors) == 296
    assert sum(value.numel() for value in tensors.values()) == 4_694_073


def test_the_store_knows_sizes_and_hashes(weights):
    for name in DEMO_ASSETS:
        assert weights.path(name).stat().st_size == ASSETS[name].bytes
        assert weights.sha256(name) == ASSETS[name].sha256
    assert weights.fetch(DEMO_ASSETS) == []


def test_a_missing_asset_names_file_folders_and_command(empty_home, tmp_path):
    store = WeightStore(extra_dir=tmp_path / "mine")
    with pytest.raises(UserError) as raised:
        store.require(["vgg19", "alexnet"])
    for part in ("vgg19-dcbb9e9d.pth", "alexnet.ckpt", str(tmp_path / "mine"), str(empty_home / "weights")):
        assert part in str(raised.value)
    assert "bench weights fetch vgg19 alexnet" in str(raised.value)
    assert store.missing(["vgg19", "vgg19", "alexnet"]) == ["vgg19", "alexnet"]


def test_an_unknown_name_gets_a_suggestion(empty_home):
    with pytest.raises(UserError, match="Did you mean 'vgg16'"):
        WeightStore().path("vgg_16")


def test_a_file_with_another_hash_is_refused(empty_home, tmp_path):
    (tmp_path / "alexnet.ckpt").write_bytes(b"something else")
    with pytest.raises(UserError, match="bench weights fetch alexnet"):
        WeightStore(extra_dir=tmp_path).require(["alexnet"])


def test_a_file_that_changes_is_hashed_again(empty_home, tmp_path, monkeypatch):
    store = WeightStore(extra_dir=place(tmp_path / "mine", monkeypatch, "made.bin", b"good"))
    store.path("made")
    (tmp_path / "mine" / "made.bin").write_bytes(b"tampered")
    with pytest.raises(UserError, match="expected"):
        store.path("made")


def test_the_users_folder_comes_first(empty_home, tmp_path, monkeypatch):
    place(tmp_path / "mine", monkeypatch, "made.bin", b"good")
    (empty_home / "weights").mkdir(parents=True)
    (empty_home / "weights" / "made.bin").write_bytes(b"good")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "mine"))
    assert WeightStore().path("made") == tmp_path / "mine" / "made.bin"


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "bad.ckpt"
    path.write_bytes(pickle.dumps({"AlexNet_0": RunsCode(marker)}))
    with pytest.raises(UserError, match=r"io\.open|builtins\.open|_io\.open"):
        load_arrays(path)
    assert not marker.exists()


@pytest.mark.parametrize("content", [{"a": "text"}, {"a": np.array([{}], dtype=object)}, [1, 2], b"", {"a": 3}])
def test_a_pickle_of_anything_but_arrays_is_refused(tmp_path, content):
    path = tmp_path / "odd.ckpt"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    with pytest.raises(UserError, match="arrays"):
        load_arrays(path)


@pytest.mark.parametrize("protocol", [3, 4])
def test_nested_arrays_are_read(tmp_path, protocol):
    content = {"a": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    path = tmp_path / "good.ckpt"
    path.write_bytes(pickle.dumps(content, protocol))
    np.testing.assert_array_equal(load_arrays(path)["a"]["kernel"], content["a"]["kernel"])


def test_a_pytorch_file_that_runs_code_is_refused(empty_home, tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    torch.save({"x": RunsCode(marker)}, tmp_path / "made.pth")
    store = WeightStore(extra_dir=place(tmp_path, monkeypatch, "made.pth", (tmp_path / "made.pth").read_bytes()))
    with pytest.raises(UserError, match="was not opened"):
        store.state_dict("made")
    assert not marker.exists()


def test_every_asset_is_described():
    for name, asset in ASSETS.items():
        assert name == asset.name
        assert asset.title and asset.licence and asset.used_for and asset.bytes > 1e6
        # the whole digest where the file was at hand to take it, else the part that torch.hub checks
        lengths = {64} if isinstance(asset.source, PyPIMember) else {8, 64}
        assert len(asset.sha256) in lengths
        assert asset.source.sha256 == asset.sha256
    assert len({asset.filename for asset in ASSETS.values()}) == len(ASSETS)
