"""Reference fixtures of the released networks: the rule that fills parameters and inputs, and the expected numbers.

Every tensor is drawn from PCG64 seeded with the CRC-32 of its name, so that no weights need to be stored.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).parent / "reference"
FULL = Path(__file__).parents[1].parent / "shared" / "parity"  # the unthinned fixtures, where they are at hand

BATCH = 2
POSE_CHANNELS = {"penn": 13, "bbc": 7, "market": 18}
SIZE_PX = {"penn": (128, 128), "bbc": (128, 128), "market": (128, 64)}
POSE_SHARE, MASK_SHARE = 0.05, 0.3


def sheets():
    """Names, shapes and output statistics by fixture."""
    return json.loads((REFERENCE / "mrnet.json").read_text())


def competitor(fixture):
    """The sheet of a competitor's network: names, shapes, inputs, counts, statistics of the output."""
    return json.loads((REFERENCE / "competitors.json").read_text())[fixture]


def drawn(key, shape, share=None):
    """An input by the fill rule: in [-1, 1), or with a share binary."""
    r = torch.from_numpy(_generator(key).random(size=tuple(shape), dtype=np.float32))
    return 2 * r - 1 if share is None else (r < np.float32(share)).float()


def competitor_inputs(fixture):
    """The fixture's inputs by name, where each is drawn by one rule."""
    found = {}
    for entry in competitor(fixture)["inputs"]:
        rule, key, *rest = entry["rule"].replace(",", " ").replace("key", "").replace("'", "").split()
        share = {"image": None, "binary": float(rest[-1].removeprefix("p=")) if rest else None}[rule]
        found[entry["name"]] = drawn(key, entry["shape"], share)
    return found


def check_names_and_counts(fixture, network, names=None):
    """Parameter names and shapes (under the authors' names: {ours: theirs}) and their number are the fixture's."""
    sheet = competitor(fixture)
    state = {(names or {}).get(name, name): list(value.shape) for name, value in network.state_dict().items()}
    assert state == sheet["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == sheet["params_total"]


def check_output(fixture, output, atol=1e-4, rtol=1e-4):
    """The output is the fixture's: kept values, statistics of the whole, the unthinned fixture where it is at hand."""
    expected = competitor(fixture)["output"]
    values = output.detach().float().contiguous().numpy()
    assert list(values.shape) == expected["shape"]
    stride = expected["stride_hw"]
    strided = np.ascontiguousarray(values[..., ::stride, ::stride])
    with np.load(REFERENCE / "competitors.npz") as thinned:
        np.testing.assert_allclose(strided.reshape(-1)[:: expected["every"]], thinned[fixture], rtol=rtol, atol=atol)
    measured = [values.mean(dtype=np.float64), values.std(dtype=np.float64), np.abs(values).sum(dtype=np.float64)]
    np.testing.assert_allclose(measured, [expected[key] for key in ("mean", "std", "abs_sum")], rtol=1e-4, atol=1e-5)
    if FULL.is_dir():
        with np.load(FULL / f"{fixture}.npz") as full:
            np.testing.assert_allclose(strided, full["out0"], rtol=rtol, atol=atol)


def macs(function, *inputs):
    """Multiply-adds of convolutions and dense layers for one sample: of the first of each input alone."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        function(*(value[:1] for value in inputs))
    return counter.get_total_flops() // 2


def losses(dataset):
    """The loss and gradient fixture of `penn` or `market`."""
    return json.loads((REFERENCE / "mrnet_loss.json").read_text())[dataset]


def boxes_px(dataset):
    """(2, 4) xyxy, end-exclusive, of the fixture's inclusive row and column extents."""
    rows = torch.tensor(losses(dataset)["boxes_row_col_minmax"], dtype=torch.float32)
    return rows[:, [1, 0, 3, 2]] + torch.tensor([0.0, 0.0, 1.0, 1.0])


def _generator(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def _value(name, shape, shapes):
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    n = _generator(name).standard_normal(size=shape, dtype=np.float32)
    norm = len(shapes.get(f"{name.rpartition('.')[0]}.weight", ())) == 1
    tenth, hundredth = np.float32(0.1), np.float32(0.01)
    if name.endswith("running_mean"):
        return tenth * n
    if name.endswith("running_var"):
        return 1 + tenth * np.abs(n)
    if name.endswith("bias"):
        return (tenth if norm else hundredth) * n
    return 1 + tenth * n if norm else n * np.float32(math.sqrt(2 / math.prod(shape[1:])))


def filled_state(shapes):
    """{name: tensor} by the fill rule. shapes: {name: shape}."""
    return {name: torch.from_numpy(np.asarray(_value(name, shape, shapes))) for name, shape in shapes.items()}


def fill(module):
    """Set every entry of the module's state by the fill rule; returns the module."""
    module.load_state_dict(filled_state({name: tuple(v.shape) for name, v in module.state_dict().items()}))
    return module


def vgg_state(arch):
    """VGG features under torchvision's names, by the fill rule."""
    from torchvision.models import vgg

    layers = vgg.make_layers(vgg.cfgs[{"vgg16": "D", "vgg19": "E"}[arch]])
    return filled_state({f"features.{name}": tuple(v.shape) for name, v in layers.state_dict().items()})


def inputs(dataset):
    """pose, human, background, mask and target image of a data set's fixtures, float32."""
    size = SIZE_PX[dataset]

    def uniform(name, channels):
        drawn = _generator(f"input:mrnet_{dataset}:{name}").random(size=(BATCH, channels, *size), dtype=np.float32)
        return torch.from_numpy(drawn)

    def binary(name, channels, share):
        return (uniform(name, channels) < np.float32(share)).float()

    image, target = 2 * uniform("image", 3) - 1, 2 * uniform("target", 3) - 1
    mask = binary("mask", 1, MASK_SHARE)
    return binary("pose", POSE_CHANNELS[dataset], POSE_SHARE), image * mask, image * (1 - mask), mask, target
