"""Where methods come from: this folder, entry points (`mrnet_bench.methods`), `--plugin file.py`, and wrappers of them.

The only importer of concrete methods. Built-in cards are read without torch; a method's module is imported when built.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from methods import argument_list
from methods import cards as builtin_cards
from methods.base import Method
from methods.card import DatasetInfo, MethodCard
from methods.naming import unknown_text
from methods.wrapping import WrongWrapper, split_name

ENTRY_POINT_GROUP = "mrnet_bench.methods"

_BUILTIN: dict[str, tuple[MethodCard, str]] = {
    card.name: (card, attribute)
    for card, attribute in (
        (builtin_cards.MRNET, "methods.mrnet:MRNetMethod"),
        (builtin_cards.PG2, "methods.pg2:PG2Method"),
        (builtin_cards.PN_GAN, "methods.pn_gan:PNGANMethod"),
        (builtin_cards.DVG, "methods.dvg:DVGMethod"),
        (builtin_cards.PATN, "methods.patn:PATNMethod"),
        (builtin_cards.GUIDED_PIX2PIX, "methods.guided_pix2pix:GuidedPix2PixMethod"),
        (builtin_cards.POSEWARP, "methods.posewarp:PoseWarpMethod"),
        (builtin_cards.BODYROI7, "methods.bodyroi7:BodyROI7Method"),
        (builtin_cards.DEEPFILL, "methods.deepfill:DeepFillMethod"),
        (builtin_cards.TELEA, "methods.telea:TeleaMethod"),
        (builtin_cards.COMMAND, "methods.command:CommandMethod"),
    )
}
_PLUGINS: dict[str, type[Method]] = {}


class NotAPlugin(ValueError):
    """A file that defines no method, or one under a name that is taken."""


class UnknownName(LookupError):
    """An unknown method or parameter; the text holds did-you-mean and the valid names."""


def _entry_points() -> dict[str, type[Method]]:
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINT_GROUP)}


def cards() -> dict[str, MethodCard]:
    """Every known method's card by name: built-in, installed and plugged in, in this order of precedence."""
    found = {name: card for name, (card, _) in _BUILTIN.items()}
    for method in (*_entry_points().values(), *_PLUGINS.values()):
        found.setdefault(method.card.name, method.card)
    return found


def card(name: str) -> MethodCard:
    """The card of a method, or of a wrapper such as `union-crop(patn)`. Raises UnknownName."""
    known = cards()
    try:
        wrapped = split_name(name)
        if wrapped is not None:
            wrapper, arguments = wrapped
            return wrapper.card(arguments, known)
    except WrongWrapper as error:
        raise UnknownName(str(error)) from error
    if name not in known:
        raise UnknownName(unknown_text("method", name, known))
    return known[name]


def resolve_parameters(card: MethodCard, overrides: Mapping[str, object]) -> dict[str, object]:
    """The card's parameters with `overrides` applied, a wrapper's those of each part, paths of a program made absolute.

    Raises UnknownName for a parameter the card does not list and ValueError for a value of another type or a program
    that is not there.
    """
    if card.parts:
        parts = {part.card.name: part.card for part in card.parts}
        return {name: resolve_parameters(part, overrides.get(name, {})) for name, part in parts.items()}
    resolved = dict(card.parameters)
    for name, value in overrides.items():
        if name not in resolved:
            raise UnknownName(unknown_text(f"parameter of {card.name}", name, resolved))
        default = resolved[name]
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(default):
            raise ValueError(
                f"parameter {card.name}.{name} expects {type(default).__name__} (default {default!r}), got {value!r}"
            )
        resolved[name] = value
    if card.program_parameter:
        name = card.program_parameter
        resolved[name] = argument_list.located(resolved[name], f"parameter {card.name}.{name}")
    return resolved


def keyed_parameters(card: MethodCard, parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters as they enter keys: without those that change no image, with the hashes of a program's files."""
    keyed = {name: value for name, value in parameters.items() if name not in card.unkeyed}
    if card.program_parameter:
        keyed["files"] = argument_list.file_hashes(parameters[card.program_parameter])
    return keyed


def build(name: str, info: DatasetInfo, parameters: Mapping[str, object]) -> Method:
    """The method for a dataset with the given parameter overrides. Raises UnknownName or ValueError."""
    known = card(name)
    resolved = resolve_parameters(known, parameters)
    if known.parts:
        parts = tuple(build(part.card.name, info, resolved[part.card.name]) for part in known.parts)
        wrapper, _ = split_name(name)
        return _imported(wrapper.attribute)(known, info, resolved, parts)
    if name in _BUILTIN:
        method = _imported(_BUILTIN[name][1])
    else:
        plugged = {kind.card.name: kind for kind in (*_PLUGINS.values(), *_entry_points().values())}
        method = plugged[name]
    return method(info, resolved)


def _imported(path: str) -> type:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_plugin(path: Path) -> list[str]:
    """Import a Python file and register every Method class defined in it; returns their names.

    Raises FileNotFoundError, NotAPlugin, and whatever the file itself raises.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"plugin {path} is not a file; --plugin expects a Python file that defines a Method")
    if path.suffix != ".py":
        raise NotAPlugin(f"plugin {path} is no Python file: its name must end in .py")
    module_name = f"_bench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Method)
        and kind.__module__ == module_name
        and hasattr(kind, "card")
    ]
    if not found:
        raise NotAPlugin(f"plugin {path} defines no subclass of methods.base.Method with a card")
    for kind in found:
        if kind.card.name in _BUILTIN:
            raise NotAPlugin(f"plugin {path}: the name '{kind.card.name}' belongs to a built-in method; choose another")
        _PLUGINS[kind.card.name] = kind
    return [kind.card.name for kind in found]
