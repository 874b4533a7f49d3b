"""Checkpoints of the methods' authors: read from their files, renamed by a table, freed of what old files carry.

A torch file is a state dictionary, or a dictionary that holds one under `state_dict`. A TensorFlow checkpoint comes as
an .npz file of its variables by name, which these lines write where TensorFlow is installed:

    reader = tf.train.load_checkpoint("model.ckpt-60000")
    np.savez("pg2.npz", **{name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mrnet import checkpoint

TENSORFLOW_LEFTOVERS = r".*/Adam(_\d+)?|(.*/)?beta[12]_power(_\d+)?|(.*/)?(global_)?step(_\d+)?"
"""What training leaves in a TensorFlow checkpoint: the optimisers' moments of a variable, their counts of steps."""

_NESTED = "state_dict"
_WRAPPER = "module."
_RUNNING = ("running_mean", "running_var", "num_batches_tracked")
_NAMED_AT_MOST = 5


def read(path: Path) -> dict[str, Tensor]:
    """Tensors by the authors' names, on the CPU, without the prefix of `DataParallel`. ValueError for other files."""
    state = _read_arrays(path) if path.suffix == ".npz" else checkpoint.read_released(path)
    if isinstance(state, Mapping) and isinstance(state.get(_NESTED), Mapping):
        state = state[_NESTED]
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"{path} holds no state dictionary: expected parameters by name")
    strange = [str(name) for name, value in state.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if strange:
        raise ValueError(f"{path} holds what is no tensor with a name: {', '.join(strange[:_NAMED_AT_MOST])}")
    wrapped = all(name.startswith(_WRAPPER) for name in state)
    return {name.removeprefix(_WRAPPER) if wrapped else name: value for name, value in state.items()}


def _read_arrays(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"cannot read the released weights {path}: {error}") from error


def renamed(state: Mapping[str, Tensor], table: Mapping[str, str]) -> dict[str, Tensor]:
    """The entries under our names. table: the start of an authors' name → the start of ours; the first fit counts.

    An entry that no line of the table fits keeps its name, for `checkpoint.load_state` to refuse. ValueError where two
    entries get one name.
    """

    def ours(name: str) -> str:
        start = next((start for start in table if name.startswith(start)), None)
        return name if start is None else table[start] + name.removeprefix(start)

    result: dict[str, Tensor] = {}
    for name, value in state.items():
        if ours(name) in result:
            raise ValueError(f"two entries become {ours(name)}; one of them is {name}")
        result[ours(name)] = value
    return result


def modernised(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The entries as today's PyTorch would write them, under our names.

    Files of PyTorch 0.3 hold running statistics of instance norms, which nothing reads, and no count of batches of
    batch norms, which nothing reads either: those go, these become 0.
    """
    modules = dict(network.named_modules())
    kept = {}
    for name, value in state.items():
        owner, _, leaf = name.rpartition(".")
        if not (leaf in _RUNNING and isinstance(modules.get(owner), nn.InstanceNorm2d)):
            kept[name] = value
    for name, module in modules.items():
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            kept.setdefault(f"{name}.num_batches_tracked", torch.tensor(0))
    return kept


def from_tensorflow(weight: Tensor) -> Tensor:
    """A weight in PyTorch's layout: HWIO → OIHW for convolutions, (in, out) → (out, in) for dense layers."""
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(weight.ndim)
    return weight if order is None else weight.permute(order).contiguous()
