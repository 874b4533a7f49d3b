"""Wrappers by name, such as `crop-inpaint(patn)`, and the cards they have: plain data, no torch.

`crop-inpaint(INNER)` is `crop-inpaint(INNER,deepfill)`; another inpainter stands in second place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from methods.card import MethodCard, Part
from methods.naming import unknown_text

_PAPER = "Xu et al., Pose-Guided Person Image Synthesis in the Non-Iconic Views, IEEE TIP 2020, IV.D.1"
_WRAPPED = re.compile(r"([^()]+)\(([^()]*)\)")


class WrongWrapper(LookupError):
    """A wrapper's name that means nothing; the text says why and shows one that does."""


@dataclass(frozen=True)
class Wrapper:
    """A kind of wrapper. attribute: `module:class`. view: the inner method's. inpainter: the usual one; empty: none."""

    name: str
    title: str
    summary: str
    attribute: str
    view: str
    inpainter: str = ""

    def card(self, arguments: list[str], cards: Mapping[str, MethodCard]) -> MethodCard:
        """The card of the wrapper around `arguments`. WrongWrapper for a wrong number of them or an unknown one."""
        most = 2 if self.inpainter else 1
        if not 1 <= len(arguments) <= most or not all(arguments):
            example = f"{self.name}(patn)" + (f" or {self.name}(patn,telea)" if self.inpainter else "")
            raise WrongWrapper(f"{self.name}({','.join(arguments)}): expected {example}")
        for argument in arguments:
            if argument not in cards:
                raise WrongWrapper(f"{self.name}: {unknown_text('method', argument, cards)}")
        inner, *rest = arguments
        if cards[inner].scene_only or cards[inner].program_parameter:
            why = "shows no person" if cards[inner].scene_only else "is a program, started once for all whole images"
            raise WrongWrapper(f"{self.name}({inner}): {inner} {why}, so it cannot be the inner method")
        if rest and not cards[rest[0]].scene_only:
            inpainters = ", ".join(sorted(name for name, card in cards.items() if card.scene_only))
            raise WrongWrapper(f"{self.name}: {rest[0]} is no inpainter; {inpainters} are")
        parts = [Part(cards[inner], self.view)]
        if self.inpainter:
            parts.append(Part(cards[rest[0] if rest else self.inpainter]))
        unusual = [part.card for part in parts[1:] if part.card.name != self.inpainter]
        shown = ", ".join([cards[inner].title, *(card.title for card in unusual)])
        return MethodCard(
            name=f"{self.name}({','.join([inner, *(card.name for card in unusual)])})",
            title=f"{self.title} ({shown})",
            summary=self.summary,
            paper=_PAPER,
            year=2020,
            licence="MIT (this re-implementation)",
            version=1,
            learns=any(part.card.learns for part in parts),
            seeded=any(part.card.learns and part.card.seeded for part in parts),
            parameters={part.card.name: part.card.parameters for part in parts},
            reduced={part.card.name: part.card.reduced for part in parts},
            size_multiple=math.lcm(*(part.card.size_multiple for part in parts)),
            min_size_px=max(part.card.min_size_px for part in parts),
            needs_joints=tuple(dict.fromkeys(name for part in parts for name in part.card.needs_joints)),
            parts=tuple(parts),
        )


WRAPPERS: dict[str, Wrapper] = {
    wrapper.name: wrapper
    for wrapper in (
        Wrapper(
            "crop-inpaint",
            "Crop-inpaint",
            "Crops of the person train the inner method; its image is pasted where the reference was inpainted.",
            "methods.naive:CropInpaint",
            view="crop",
            inpainter="deepfill",
        ),
        Wrapper(
            "union-crop",
            "Union-crop",
            "The window that holds both boxes trains the inner method; the rest comes from the reference.",
            "methods.naive:UnionCrop",
            view="union",
        ),
    )
}


def split_name(name: str) -> tuple[Wrapper, list[str]] | None:
    """The wrapper that `name` spells, and its arguments; None for a name without parentheses.

    WrongWrapper for an unknown wrapper, or parentheses that do not match or are nested.
    """
    if "(" not in name and ")" not in name:
        return None
    match = _WRAPPED.fullmatch(name)
    if match is None:
        raise WrongWrapper(f"'{name}': one method in one wrapper is expected, such as union-crop(patn)")
    wrapper = match[1].strip()
    if wrapper not in WRAPPERS:
        raise WrongWrapper(unknown_text("wrapper", wrapper, WRAPPERS))
    return WRAPPERS[wrapper], [argument.strip() for argument in match[2].split(",")]


def split_list(text: str) -> list[str]:
    """The comma-separated names in `text`; a comma within parentheses belongs to its name."""
    names = re.split(r",(?![^()]*\))", text)
    return [name.strip() for name in names if name.strip()]
