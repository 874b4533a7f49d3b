"""Named YAML files under `benchmarks/` and `--set a.b=c` overrides, read into strict pydantic models."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks import ROOT
from harness.errors import UserError, unknown

NAME_PATTERN = r"^[\w.-]+$"
"""Names that are part of file names."""


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=BaseModel)


def names(kind: str) -> list[str]:
    """Names of the shipped files of a kind (`presets`, `protocols`, …)."""
    return sorted(path.stem for path in (ROOT / kind).glob("*.yaml"))


def path_of(kind: str, name: str) -> Path:
    """The file `benchmarks/<kind>/<name>.yaml`, or the one that `name` is the path of where it ends in .yaml.

    UserError for an unknown name, and for a path at which there is no file.
    """
    given = name.endswith((".yaml", ".yml"))
    path = Path(name) if given else ROOT / kind / f"{name}.yaml"
    if not path.is_file():
        if given:
            raise UserError(f"there is no {kind.rstrip('s')} file {path}. Shipped ones: {', '.join(names(kind))}")
        raise unknown(kind.rstrip("s"), name, names(kind))
    return path


def load(kind: str, name: str, model: type[Model], overrides: Iterable[str] = ()) -> Model:
    """Read the file that `path_of` finds with `a.b=c` overrides into `model`.

    Raises UserError as `path_of`, and for unreadable YAML, an unknown key or a value of the wrong type.
    """
    path = path_of(kind, name)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise UserError(f"{path} holds {type(data).__name__}, expected keys and values")
    return validate(apply_overrides(data, overrides), model, str(path))


def validate(data: dict[str, Any], model: type[Model], where: str) -> Model:
    """Check `data` against `model`; errors name the file, the key and the valid keys."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{where}: {unknown('key', key, _valid_keys(model, first['loc']))}") from error
        raise UserError(f"{where}: {key}: {first['msg']}, got {first.get('input')!r}") from error


def _valid_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where `location` ends, in full; none where free keys are allowed."""
    prefix, annotation = "", model
    for part in location[:-1]:
        prefix += f"{part}."
        inner = _model_in(annotation)
        if inner is None:
            return []
        annotation = inner.model_fields[part].annotation if part in inner.model_fields else annotation
    inner = _model_in(annotation)
    return [prefix + name for name in inner.model_fields] if inner else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation (`M`, `M | None`, `dict[str, M]`) speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def apply_overrides(data: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A deep copy of `data` with each `a.b=c` set; values are read as YAML."""
    result = copy.deepcopy(data)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key:
            raise UserError(f"--set {override!r}: expected KEY=VALUE, for example --set training.steps=100")
        *parents, last = key.split(".")
        node = result
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise UserError(f"--set {override!r}: {parent} is a value, not a group of keys")
        try:
            node[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UserError(f"--set {override!r}: {value} is not a YAML value: {error}") from error
    return result
