"""How the releases of the field name and store their generated images; docs/importing.md says what is verified.

A file's expected name is made from its pair and looked up, never taken apart: `_2_` or `_` may be in a frame's
name too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UserError, unknown

if TYPE_CHECKING:
    from harness.datasets.base import Dataset
    from harness.pairs import Pair

FIELDS = ("reference", "target", "reference_file", "target_file", "pair")
"""What a pattern may name: the frames' names without and with the dataset's own ending, and our pair id."""


@dataclass(frozen=True)
class Convention:
    """How a generated image is found. title: whose convention it is.

    patterns: names of a file, without its ending; each pair has a file by one of them. panels: pictures side by side in
    a file, each of the task size. panel: which of them is the generated one, from 0.
    """

    name: str
    title: str
    patterns: tuple[str, ...]
    panels: int = 1
    panel: int = 0

    def names(self, dataset: Dataset, pair: Pair) -> tuple[str, ...]:
        """The names a pair's file may have, without ending, each once."""
        reference, target = dataset.file_name(pair.reference), dataset.file_name(pair.target)
        words = {
            "reference": reference.removesuffix(dataset.file_ending),
            "target": target.removesuffix(dataset.file_ending),
            "reference_file": reference,
            "target_file": target,
            "pair": pair.id,
        }
        return tuple(dict.fromkeys(pattern.format(**words) for pattern in self.patterns))


CONVENTIONS: dict[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention("pairs", "our own: PAIR_ID.png", ("{pair}",)),
        Convention("patn", "PATN: strips of five, the last counts", ("{reference_file}___{target_file}_vis",), 5, 4),
        Convention("pose-gan", "pose-gan: strips of three, the last counts", ("{reference_file}_{target_file}",), 3, 2),
        Convention("gfla", "GFLA: A_2_B_vis", ("{reference}_2_{target}_vis",)),
        Convention("mrnet", "MR-Net: SRC_TGT", ("{reference}_{target}", "{reference_file}_{target_file}")),
        Convention(
            "flat",
            "CFLD, PIDM: A_2_B, A_to_B, A___B or A_B",
            ("{reference}_2_{target}", "{reference}_to_{target}", "{reference}___{target}", "{reference}_{target}"),
        ),
    )
}


def find(text: str) -> Convention:
    """A convention by name, or one of the user's own: a pattern such as `{reference}-to-{target}`.

    UserError with did-you-mean for an unknown name, and for a pattern that does not tell pairs apart.
    """
    if "{" not in text:
        if text not in CONVENTIONS:
            raise unknown("convention", text, CONVENTIONS)
        return CONVENTIONS[text]
    try:
        made = text.format(**{field: f"<{field}>" for field in FIELDS})
    except (LookupError, ValueError, AttributeError) as error:
        raise UserError(
            f"--convention {text!r} is no pattern: {error}. It may name {', '.join(f'{{{field}}}' for field in FIELDS)}"
        ) from error
    if "<pair>" not in made and not ("<reference" in made and "<target" in made):
        raise UserError(f"--convention {text!r} names one file for several pairs: {{reference}} and {{target}} needed")
    return Convention(text, "your own", (text,))
