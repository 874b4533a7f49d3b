"""Weights that come in a file, not from a training here: `bench weights import` makes them, `--weights` uses them.

A file is what a method saves (safetensors); its metadata say of which method it is and, where it was converted from
a checkpoint of the authors, the name and hash of that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError, check_output
from harness.fetch import sha256_of
from harness.specs import Given
from methods.base import MODEL, Method
from mrnet import files

RELEASED = "released weights"
FROM_FILE = "weights from a file"
ENDING = ".safetensors"
_METHOD, _SOURCE, _SOURCE_SHA256 = "method", "released_file", "released_sha256"


def parse(pairs: Iterable[str], methods: Iterable[str]) -> dict[str, Given]:
    """`METHOD=FILE` words by method, each file looked into and hashed. methods: those that files can be given for.

    UserError for words of another form, a method that is not among `methods`, and files that hold no weights of it.
    """
    found: dict[str, Given] = {}
    asked = tuple(methods)
    for pair in pairs:
        method, separator, name = pair.partition("=")
        if not separator or not name:
            raise UserError(f"--weights {pair!r}: expected METHOD=FILE, for example --weights patn=patn.safetensors")
        if method not in asked:
            whole = " A wrapper has none of its own: its inner method learns on cut images." if "(" in method else ""
            raise UserError(f"--weights {pair!r}: {method} is not among --methods {','.join(asked)}.{whole}")
        if method in found:
            raise UserError(f"--weights names two files for {method}; one run has room for one")
        found[method] = _looked_into(method, Path(name).expanduser())
    return found


def load(method: Method, given: Given) -> None:
    """Fill the method from the file. UserError where the file changed since it was planned with, or does not fit."""
    path = Path(given.file)
    if not path.is_file() or sha256_of(path) != given.sha256:
        raise UserError(f"{path} is no longer the file that the run was planned with; run the same `bench run` again")
    load_file(method, path)


def load_file(method: Method, path: Path) -> None:
    """Fill the method from a file of weights, wherever it lies. UserError where it does not fit."""
    with tempfile.TemporaryDirectory(prefix="bench-weights-") as temporary:
        (Path(temporary) / MODEL).symlink_to(path.absolute())
        load_folder(method, Path(temporary), path)


def load_folder(method: Method, folder: Path, where: Path) -> None:
    """`method.load(folder)`, with errors as UserError that name `where`, what the user knows the weights by."""
    try:
        method.load(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        text = str(error).replace(str(folder / MODEL), str(where))
        raise UserError(f"{where} does not hold weights of {method.card.name} that fit: {text}") from error


@dataclass(frozen=True)
class Imported:
    """What an import made. tensors, parameters: how many the file holds."""

    path: Path
    tensors: int
    parameters: int
    sha256: str


def import_released(method: Method, source: Path, out: Path) -> Imported:
    """Convert a checkpoint of the method's authors to a file of weights.

    UserError for one that cannot be read or does not fit exactly, with the entries that are unknown, missing or of
    another shape.
    """
    check_output(out, "--out", ENDING)
    if not source.is_file():
        raise UserError(f"there is no checkpoint file {source}")
    try:
        method.load_released(source)
    except ValueError as error:
        raise UserError(f"{source} is not imported: {error}") from error
    from safetensors import safe_open
    from safetensors.torch import save

    with tempfile.TemporaryDirectory(prefix="bench-import-") as temporary:
        method.save(Path(temporary))
        with safe_open(Path(temporary) / MODEL, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = {**files.unpacked(file.metadata()), _SOURCE: source.name, _SOURCE_SHA256: sha256_of(source)}
    files.write_bytes(out, save(tensors, metadata=files.packed(metadata)))
    return Imported(out, len(tensors), sum(tensor.numel() for tensor in tensors.values()), sha256_of(out))


def _looked_into(method: str, path: Path) -> Given:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"--weights {method}={path}: there is no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = files.unpacked(file.metadata())
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"--weights {method}={path} is no file of weights of this benchmark ({error}). A checkpoint of the authors "
            f"is converted with: bench weights import {method} {path} --dataset D"
        ) from error
    if metadata.get(_METHOD, method) != method:
        raise UserError(f"--weights {method}={path}: the file holds weights of {metadata[_METHOD]}")
    origin = RELEASED if _SOURCE in metadata else FROM_FILE
    return Given(file=str(path.absolute()), sha256=sha256_of(path), origin=origin)
