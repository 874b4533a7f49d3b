"""Reference fixtures of networks released for TensorFlow: the rule that fills variables and inputs, and the checks.

Every variable and every input is drawn from PCG64 seeded with the CRC-32 of its name, so that no weights need to be
stored. Expected numbers lie thinned beside the tests, as `NAME.json` and `NAME.npz` (`reference/thin_tf.py`); where the
whole fixtures are at hand, they are compared too.
"""

import json
import math
import re
import zlib
from pathlib import Path

import numpy as np
import torch

REFERENCE = Path(__file__).parent / "reference"
FULL = Path(__file__).parents[1].parent / "shared" / "parity_tf"  # the unthinned fixtures, where they are at hand

TOLERANCE = 1e-4
"""Largest difference to a fixture's output, in standard deviations of that output."""

HE = "he_"
"""Start of the names of outputs that were computed with the gain of ReLU networks, the sharper test."""

_WEIGHTS = {"weights", "kernel", "filters", "w"}
_OFFSETS = {"biases", "bias", "b", "beta", "offset"}
_SCALES = {"gamma", "scale"}
_BIAS_SCALE = np.float32(0.01)
_SCALE_SPREAD = np.float32(0.1)


def sheet(store, fixture):
    """Names and shapes, inputs, counts and statistics of one fixture."""
    return json.loads((REFERENCE / f"{store}.json").read_text())[fixture]


def _generator(key):
    return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))


def variable(name, shape, he=False):
    """One variable in TensorFlow's layout. he: with the gain √2."""
    z = _generator(name).standard_normal(tuple(shape), dtype=np.float32)
    leaf = re.split(r"[/.]", name)[-1].lower()
    if leaf in _WEIGHTS:
        return z * np.float32((math.sqrt(2) if he else 1) / math.sqrt(math.prod(shape[:-1])))
    if leaf in _OFFSETS:
        return z * _BIAS_SCALE
    if leaf in _SCALES:
        return 1 + _SCALE_SPREAD * z
    raise ValueError(f"no rule fills a variable called {name}")


def variables(shapes, he=False):
    """{name: tensor} in TensorFlow's layout. shapes: {name: shape}."""
    return {name: torch.from_numpy(variable(name, shape, he)) for name, shape in shapes.items()}


def uniform(key, shape):
    """An input in [-1, 1), in the fixture's layout."""
    return torch.from_numpy(2 * _generator(f"input:{key}").random(tuple(shape), dtype=np.float32) - 1)


def signs(key, shape, above):
    """An input that is 1 where the uniform one lies above a bound, else -1."""
    return torch.where(uniform(key, shape) > above, 1.0, -1.0)


def to_nchw(images):
    return images.permute(0, 3, 1, 2)


def check_names(shapes, state, names):
    """The variables are those of the fixture, by {their name: ours}, each of as many values.

    Shapes are compared by loading them: `released.from_tensorflow` and a strict load.
    """
    assert set(names) == set(shapes)
    assert set(names.values()) == set(state)
    for theirs, ours in names.items():
        assert math.prod(shapes[theirs]) == state[ours].numel(), theirs


def check_output(store, fixture, key, output, tolerance=TOLERANCE):
    """An output in the fixture's layout (N, H, W, C) or (N, C) is the fixture's; N may be a part of its batch.

    key: the output's name in the thinned file; `_sK` at its end says every K-th row and column, `he_` at its start the
    gain. Returns the largest difference in standard deviations. Statistics are compared where the batch is whole.
    """
    found = sheet(store, fixture)
    plain, stride = re.fullmatch(r"(?:he_)?(.*?)(?:_s(\d+))?", key).groups()
    statistics = found["stats_he" if key.startswith(HE) else "stats"][plain]
    values = output.detach().float().contiguous().numpy()
    assert list(values.shape[1:]) == statistics["shape"][1:]
    if len(values) == statistics["shape"][0]:
        measured = [values.mean(dtype=np.float64) / statistics["std"], values.std(dtype=np.float64) / statistics["std"]]
        np.testing.assert_allclose(measured, [statistics["mean"] / statistics["std"], 1], rtol=0, atol=tolerance)
    strided = values[:, :: int(stride), :: int(stride)] if stride else values
    strided = np.ascontiguousarray(strided)
    with np.load(REFERENCE / f"{store}.npz") as thinned:
        kept = strided.reshape(-1)[:: found["every"][key]]
        difference = np.abs(kept - thinned[f"{fixture}/{key}"][: len(kept)]).max()
    if (FULL / f"{fixture}.npz").is_file():
        with np.load(FULL / f"{fixture}.npz") as full:
            whole = full[key] if key in full else full[key.removesuffix(f"_s{stride}")]
            difference = max(difference, np.abs(strided - whole[: len(strided)]).max())
    assert difference / statistics["std"] < tolerance, (fixture, key, difference, statistics["std"])
    return float(difference / statistics["std"])
