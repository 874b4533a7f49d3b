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
