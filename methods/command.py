"""A foreign program as a method: run once for all pairs in an exchange folder, in whatever environment it needs.

docs/foreign-programs.md. It is handed no target pixel, path or name; it is no sandbox: a program that goes looking on
the disk is not stopped.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from methods.base import AllAtOnce, Condition, Synthesis, SynthesisFailed
from methods.card import DatasetInfo
from methods.cards import COMMAND
from methods.exchange import BadImage, Exchange
from methods.guarded import CappedLog, ProgramFailed, run

LOG = logging.getLogger(__name__)

_BYTES_IN_MB = 1_000_000
_NAMED = 5


class CommandMethod(AllAtOnce):
    """The program's images are its own: what is checked is that they are there, whole, 8-bit RGB and of the size."""

    card = COMMAND

    def __init__(self, info: DatasetInfo, parameters: Mapping[str, object]):
        super().__init__(info, parameters)
        for name in ("time_limit_s", "log_mb"):
            if not self.parameters[name] > 0:
                raise ValueError(f"command.{name} is above 0, not {self.parameters[name]}")

    def synthesize_all(self, conditions: Iterable[Condition]) -> Iterator[tuple[int, Synthesis]]:
        """Images by place. What a failed, stopped or interrupted program left whole is given first, then the error.

        Raises SynthesisFailed where an image lacks, and KeyboardInterrupt.
        """
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            exchange = Exchange(Path(folder), self.info)
            names = [exchange.add(condition) for condition in conditions]
            if not names:
                return
            exchange.list_pairs(names)
            failure: BaseException | None = None
            try:
                self._run(exchange, Path(folder))
            except (ProgramFailed, KeyboardInterrupt) as error:
                failure = error
            problems = []
            for place, name in enumerate(names):
                try:
                    image = exchange.image(name)
                except BadImage as problem:
                    problems.append(str(problem))
                else:
                    yield place, Synthesis(image)
            if isinstance(failure, KeyboardInterrupt):
                raise failure
            self._judge(failure, problems, exchange.unasked(names), len(names))

    def _run(self, exchange: Exchange, folder: Path) -> None:
        places = {"{in}": str(exchange.inputs), "{out}": str(exchange.outputs)}
        words = [_filled(word, places) for word in self.parameters["program"]]
        log = CappedLog(lambda line: LOG.info("> %s", line), int(self.parameters["log_mb"] * _BYTES_IN_MB))
        try:
            run(words, folder, self.parameters["time_limit_s"], log)
        finally:
            if log.left_out_bytes:
                LOG.info("%d bytes more of the program's output are left out (parameter log_mb)", log.left_out_bytes)

    def _judge(self, failure: ProgramFailed | None, problems: list[str], unasked: list[str], count: int) -> None:
        """Tell what is odd, and raise SynthesisFailed where an image lacks."""
        parts = [] if failure is None else [str(failure)]
        if problems:
            parts.append(f"{len(problems)} of {count} images are not usable: {_some(problems)}")
        if unasked:
            parts.append(f"nobody asked for: {_some([f'out/{name}' for name in unasked])}")
        if problems:
            raise SynthesisFailed("; ".join(parts))
        if parts:
            LOG.warning("all images are there, but: %s", "; ".join(parts))


def _filled(word: str, places: Mapping[str, str]) -> str:
    for place, path in places.items():
        word = word.replace(place, path)
    return word


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
