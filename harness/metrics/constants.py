"""A protocol's constants, one by one: its path, its value, and what its field says of it. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class Constant:
    """path: of the field, such as `sets.kernel.degree`. description: the field's, empty where it has none."""

    path: str
    value: object
    description: str

    @property
    def shown(self) -> str:
        """The value as a person would write it in the protocol's file."""
        return shown(self.value)


@dataclass(frozen=True)
class Section:
    """A model within a protocol, or the protocol itself (path ""): what it says of itself, and its own constants."""

    path: str
    title: str
    constants: tuple[Constant, ...]


def sections(model: BaseModel, path: str = "") -> list[Section]:
    """The model and all models in it, in the order of their fields; every value is in exactly one section.

    A section that the model leaves out is a constant without a value.
    """
    own, inner = [], []
    for name, value, description in _items(model):
        place = f"{path}.{name}" if path else name
        if isinstance(value, BaseModel | Mapping) or _holds_models(value):
            inner += sections(value, place)
        else:
            own.append(Constant(place, value, description))
    title = (type(model).__doc__ or "").split("\n\n")[0] if isinstance(model, BaseModel) else ""
    return [Section(path, " ".join(title.split()), tuple(own)), *inner]


def constants(model: BaseModel) -> dict[str, Constant]:
    """Every constant of the model by its path, in order."""
    return {constant.path: constant for section in sections(model) for constant in section.constants}


def shown(value: object) -> str:
    """A value in words: `none`, `yes`, `no`, numbers without a needless `.0`, lists with commas."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, tuple | list):
        return ", ".join(map(shown, value)) or "none"
    return str(value)


def _items(model: object) -> Iterator[tuple[str, object, str]]:
    """Name, value and description of what a model, a mapping or a sequence of models holds."""
    if isinstance(model, BaseModel):
        for name, field in type(model).model_fields.items():
            yield name, getattr(model, name), field.description or ""
    elif isinstance(model, Mapping):
        yield from ((str(name), value, "") for name, value in model.items())
    else:
        yield from ((str(place), value, "") for place, value in enumerate(model))


def _holds_models(value: object) -> bool:
    return isinstance(value, tuple | list) and any(isinstance(item, BaseModel) for item in value)
