"""Network weights in files: strict safetensors of our own, and the authors' released .pt files.

Errors are ValueError and name the file and the entries that do not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from mrnet import files

_NAMED_AT_MOST = 5

# A release file is the state of the whole training model: the network under `model.` (`module.` or nothing in older
# files of the bare network), beside it the perceptual network and, with the optional GAN, discriminators: unused here.
RELEASED_PREFIXES = ("model.", "module.")
RELEASED_PARTS = ("encoder_conv.", "decoder_conv.", "background_encoder.")
RELEASED_DROPPED = ("vgg_layers.", "crit_gan.", "net_d_pose.", "net_d_img.")


def save(path: Path, module: nn.Module, metadata: Mapping[str, str]) -> None:
    """Write the module's state and `metadata` to `path`, whole or not at all."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    # written by ourselves: a full disk is then an OSError like any other
    files.write_bytes(path, serialize(state, metadata=files.packed(metadata)))


def load(path: Path, module: nn.Module) -> dict[str, str]:
    """Fill the module from a file of `save`; returns the file's metadata.

    Raises ValueError if the file is missing or unreadable, or if its entries are not exactly the module's.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = files.unpacked(file.metadata())
    except (OSError, SafetensorError, ValueError) as error:
        raise ValueError(f"cannot read the weights {path}: {error}") from error
    load_state(module, state, str(path))
    return metadata


def load_released(path: Path, module: nn.Module) -> None:
    """Fill `MRNet.released(…)` from an authors' .pt file; ValueError if it cannot be read or does not fit."""
    load_state(module, convert_released(read_released(path)), str(path))


def read_released(path: Path) -> Any:
    """What a torch file of any age holds, on the CPU, tensors and plain data only; ValueError if it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises its own, pickle's, zipfile's and the system's errors here
        raise ValueError(f"cannot read the released weights {path}: {error}") from error


def load_state(module: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Fill the module; ValueError unless names and shapes are exactly its own. Nothing is changed on error."""
    own = module.state_dict()
    problems = {
        "missing": [name for name in own if name not in state],
        "not of this network": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ],
    }
    told = [f"{kind}: {_some(names)}" for kind, names in problems.items() if names]
    if told:
        raise ValueError(
            f"{where} does not fit {type(module).__name__} ({'; '.join(told)}). "
            "Build the network with the options it was trained with"
        )
    module.load_state_dict(dict(state), strict=True)


def convert_released(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A release file's entries under the names of `MRNet.released`.

    Prefixes go, the entries of `RELEASED_DROPPED` go, and batch norms of files from before they counted their batches
    get a count of 0, which nothing reads. Any other entry is a ValueError, as is a file without a network.
    """
    network: dict[str, Tensor] = {}
    foreign: list[str] = []
    for name, tensor in state_dict.items():
        prefix = next((prefix for prefix in RELEASED_PREFIXES if name.startswith(prefix)), "")
        if prefix or name.startswith(RELEASED_PARTS):
            network[name.removeprefix(prefix)] = tensor
        elif not name.startswith(RELEASED_DROPPED):
            foreign.append(name)
    if foreign:
        raise ValueError(f"not a file of the MR-Net release: foreign entries {_some(foreign)}")
    if not network:
        raise ValueError(f"not a file of the MR-Net release: no entry starts with {' or '.join(RELEASED_PREFIXES)}")
    for name in [name for name in network if name.endswith(".running_mean")]:
        network.setdefault(f"{name.removesuffix('running_mean')}num_batches_tracked", torch.tensor(0))
    return network


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
