"""What is known of a method before it is built: plain data, free of torch, so that listing and planning stay fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mrnet.skeletons import Skeleton, obtainable


@dataclass(frozen=True)
class DatasetInfo:
    """What a method may know of a dataset.

    size_px: (height, width) of every image, pixels.
    box_source: where person boxes come from: `annotation` or `joints`.
    mask_source: where person masks come from: `annotated`, `prepared`, or what draws or finds them; empty for none.
    """

    name: str
    size_px: tuple[int, int]
    skeleton: Skeleton
    has_masks: bool
    box_source: str
    mask_source: str = ""


@dataclass(frozen=True)
class Part:
    """A method that a wrapper is made of. view: how pairs are cut for it (`methods.views`); None: not at all."""

    card: MethodCard
    view: str | None = None

    @property
    def label(self) -> str:
        """Unique among a wrapper's parts, safe as a file name."""
        return f"{self.view}-{self.card.name}" if self.view else self.card.name


@dataclass(frozen=True)
class MethodCard:
    """A method's identity and needs.

    version: raised by hand whenever the same inputs would give other outputs; part of the training key.
    learns: whether `fit` must run (or weights be given) before `synthesize`.
    seeded: whether `fit` draws random numbers; false where every seed gives the same model, which is then trained once.
    parameters: every parameter with its default; an override of an unknown name is an error.
    reduced: overrides of parameters that make the method small, for `bench check`.
    weight_parameters: names of parameters whose value names a pretrained asset that `fit` needs (empty value: none).
    size_multiple, min_size_px: both image sides must be divisible by the first and not below the second.
    halves_to_px: where the network halves images down to this height, the height must be it times a power of two, and
    the width divisible by that power.
    needs_joints: joints without which the method cannot work; one that can be derived (`mrnet.skeletons`) does.
    program_parameter: name of the parameter that is a foreign program's argument list (methods/argument_list.py); the
    hashes of files on it are part of keys.
    unkeyed: names of parameters that change no image, so that changing one makes no other row.
    privileged: the output is made from the target, so the row is a ceiling and is never ranked.
    scene_only: the answer is the scene without the person, which a wrapper needs; shown apart, never ranked.
    remarks: what a parameter's value means for a comparison that its name does not say, by parameter and value.
    parts: what a wrapper is made of; its `parameters` then hold those of each part under the part's name.
    """

    name: str
    title: str
    summary: str
    paper: str
    year: int
    licence: str
    version: int
    learns: bool = True
    seeded: bool = True
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    reduced: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    weight_parameters: tuple[str, ...] = ()
    needs_masks: bool = False
    size_multiple: int = 1
    min_size_px: int = 1
    halves_to_px: int | None = None
    needs_joints: tuple[str, ...] = ()
    program_parameter: str | None = None
    unkeyed: tuple[str, ...] = ()
    privileged: bool = False
    scene_only: bool = False
    remarks: Mapping[str, Mapping[object, str]] = field(default_factory=lambda: MappingProxyType({}))
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        for name in ("version", "size_multiple", "min_size_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"the card of {self.name}: {name} is at least 1, not {getattr(self, name)}")

    def remarks_on(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """The remarks that these parameters call for, the parts' with them."""
        own = [said[parameters[name]] for name, said in self.remarks.items() if parameters[name] in said]
        for part in self.parts:
            own += part.card.remarks_on(parameters[part.card.name])
        return tuple(dict.fromkeys(own))

    def assets(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """Names of the pretrained assets that training with these parameters needs."""
        own = [str(parameters[name]) for name in self.weight_parameters if parameters.get(name)]
        for part in self.parts:
            own += part.card.assets(parameters[part.card.name])
        return tuple(dict.fromkeys(own))

    def row_title(self, parameters: Mapping[str, object]) -> str:
        """The name of a row in reports: the parameter `title` of a method that has one, where it is set."""
        return str(parameters.get("title") or self.title)


def _halves_to(least_px: int, size_px: tuple[int, int]) -> bool:
    height, width = size_px
    halvings = height // least_px
    return halvings & (halvings - 1) == 0 and height == halvings * least_px and width % halvings == 0


def supports(card: MethodCard, info: DatasetInfo) -> tuple[bool, str]:
    """Whether the method, and all its parts, can run on the dataset, and if not, why, in one sentence."""
    for part in card.parts:
        fits, reason = supports(part.card, info)
        if not fits:
            return fits, reason
    height, width = info.size_px
    if height % card.size_multiple or width % card.size_multiple:
        return (
            False,
            f"{card.name} needs sides divisible by {card.size_multiple}; {info.name} is {height}×{width}",
        )
    if min(height, width) < card.min_size_px:
        return (
            False,
            f"{card.name} needs sides of at least {card.min_size_px} px; {info.name} is {height}×{width}",
        )
    if card.halves_to_px and not _halves_to(card.halves_to_px, info.size_px):
        return (
            False,
            f"{card.name} halves images until they are {card.halves_to_px} px high, so it needs a height of "
            f"{card.halves_to_px} times a power of two and a width divisible by that power; {info.name} is "
            f"{height}×{width}",
        )
    lacking = [name for name in card.needs_joints if name not in obtainable(info.skeleton)]
    if lacking:
        return (
            False,
            f"{card.name} needs the joints {', '.join(lacking)}; {info.name} has no such ({info.skeleton.name})",
        )
    if card.needs_masks and not info.has_masks:
        return False, f"{card.name} needs person masks; {info.name} has none"
    return True, ""
