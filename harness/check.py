"""`bench check`: a method held to the contract (DESIGN §3), in this process, on the synthetic set at reduced width.

Every clause is tried, not read: trainings of a few steps under several seeds and random states, one of them interrupted
and resumed. Blindness is tried last, once all else holds: the method is trained again in a home folder whose test
targets, images and masks, are noise, and in a process of its own, so that nothing it remembers helps: whatever it can
reach of a target, through its arguments or through the cache on disk, shows in its images.
The set's variant is one that `bench` draws nowhere else, so that no other cache holds the true targets.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from harness import cache, resolve, synthesis
from harness.arithmetic import exact_float32
from harness.datasets.synthetic import Synthetic
from harness.errors import UserError
from harness.pairs import PairData, PairList
from harness.provenance import CODE_ROOT
from harness.stand_ins import StandInWeights
from methods import registry
from methods.base import Condition, FitContext, Method, Synthesis, TrainingSchedule
from methods.card import MethodCard, supports
from mrnet.skeletons import FOOTAGE18, PENN13, obtainable

BLINDNESS = "sees nothing of the target"
BLIND_IMAGES = "blind.npy"

VARIANT = 1
SPLIT = "time"
FRAMES_APART = 2
LEAST_SIDE_PX = 32
SCHEDULE = TrainingSchedule(steps=5, batch_size=2, learning_rate=1e-3, checkpoint_every=2)
INTERRUPT_AFTER = 3  # steps: between two checkpoints
BATCH_TOLERANCE = 1e-4
"""How far a pair's image may move with its batch: float32 sums in another order; a grey level is 8e-3."""


@dataclass(frozen=True)
class Finding:
    """A clause of the contract, and how the method breaks it; None where it holds."""

    clause: str
    problem: str | None


class Broken(Exception):
    """A clause does not hold; the text says how."""


def reduced_parameters(card: MethodCard, given: Mapping[str, object]) -> dict[str, object]:
    """The card's parameters, small, but for the given ones. UserError for what are no parameters of it."""
    try:
        return registry.resolve_parameters(card, {**card.reduced, **given})
    except (LookupError, ValueError) as error:
        raise UserError(f"the card of {card.name}: {error}") from error


def dataset_for(card: MethodCard) -> tuple[Synthetic, tuple[int, int]]:
    """A synthetic set the method accepts, and its (height, width). UserError where there is none."""
    side = -(-max(LEAST_SIDE_PX, card.min_size_px) // card.size_multiple) * card.size_multiple
    whole = obtainable(PENN13).issuperset(card.needs_joints)
    dataset = Synthetic(variant=VARIANT, skeleton=PENN13 if whole else FOOTAGE18)
    fits, reason = supports(card, dataset.info((side, side)))
    if not fits:
        raise UserError(f"{card.name} cannot be checked: {reason}")
    return dataset, (side, side)


def check(
    card: MethodCard, plugins: Sequence[Path] = (), given: Mapping[str, object] = MappingProxyType({})
) -> Iterator[Finding]:
    """Every clause that applies to the method, as it is tried; where it cannot even train, nothing else is.

    plugins: the files that define methods, for the process in which blindness is tried. given: parameters that replace
    the card's.
    """
    with _one_thread(), tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        yield from _Checkup(card, Path(folder), plugins, given).findings()


def write_blind_images(name: str, plugins: Sequence[str], given: Mapping[str, object], folder: str) -> None:
    """Train a method where the test targets are noise, and write its images to `blind.npy` in an existing folder."""
    resolve.load_plugins(tuple(map(Path, plugins)))
    with _one_thread():
        checkup = _Checkup(registry.card(name), Path(folder), (), given, noise=True)
        np.save(Path(folder) / BLIND_IMAGES, checkup.first_images().numpy())


class _Checkup:
    """One method's check in one temporary folder."""

    def __init__(
        self,
        card: MethodCard,
        folder: Path,
        plugins: Sequence[Path],
        given: Mapping[str, object],
        noise: bool = False,
    ):
        self._card, self._folder, self._plugins = card, folder, plugins
        self._dataset, self._size_px = dataset, size_px = dataset_for(card)
        self._parameters = reduced_parameters(card, given)
        self._weights = StandInWeights()
        self._test_pairs = _test_pairs(dataset, size_px)
        with _at_home(folder / "home"):
            self._train, self._test = self._data()
            if noise:
                _noise_over_the_unseen(dataset, size_px, self._test_pairs)
        self._random_states = iter(range(1, 1 << 30))
        self._trainings = iter(range(1 << 30))
        self._method: Method
        self._images: Tensor

    def findings(self) -> Iterator[Finding]:
        """Each clause as it is tried: nothing after one of the first two that is broken, blindness once all hold."""
        basic = (
            ("trains" if self._card.learns else "is built", self._first),
            ("gives one image a pair, of the size asked for, finite, in [-1, 1]", self._shape),
        )
        others = (
            ("leaves the condition as it was", self._condition_unchanged),
            ("returns its passes in order, the last one as its image", self._passes),
            ("gives the same images the second time, whatever other random numbers were drawn", self._again),
            ("gives a pair the same image in any batch and place", self._any_batch),
        )
        of_learning = (
            ("another seed trains another model", self._other_seed),
            ("is the same after save and load", self._save_and_load),
            ("refuses to load what is not there", self._strict_load),
            ("resumed after an interruption, ends as if there had been none", self._resume),
        )
        for clause, work in basic:
            finding = self._try(clause, work)
            yield finding
            if finding.problem is not None:
                return
        found = []
        for clause, work in (*others, *(of_learning if self._card.learns else ())):
            found.append(self._try(clause, work))
            yield found[-1]
        if all(finding.problem is None for finding in found):
            yield self._try(BLINDNESS, self._blind)

    def first_images(self) -> Tensor:
        """Images of a first training, (N, 3, H, W)."""
        with _at_home(self._folder / "home"):
            return self._synthesize(self._trained())

    def _try(self, clause: str, work: Callable[[], None]) -> Finding:
        try:
            with _at_home(self._folder / "home"):
                work()
        except (Broken, synthesis.ContractBroken) as problem:
            return Finding(clause, str(problem))
        except (Exception, SystemExit) as error:
            return Finding(clause, f"{type(error).__name__}: {error} ({_place(error)})")
        return Finding(clause, None)

    # ---- what is tried

    def _first(self) -> None:
        self._method = self._trained()

    def _shape(self) -> None:
        self._images = self._synthesize(self._method)
        problem = synthesis.problem(self._images, len(self._test), self._size_px)
        if problem is None and self._images.min() >= 0 and self._images.max() > self._images.min():
            darkest = float(self._whole().image.min())
            problem = (
                f"no value lies below 0, though the references reach down to {darkest:.2f}: images are expected in "
                "[-1, 1], these look like [0, 1]"
            )
        if problem is not None:
            raise Broken(problem)

    def _condition_unchanged(self) -> None:
        condition, untouched = self._whole(), self._whole()
        self._answer(self._method, condition)
        changed = [
            name
            for name, value in vars(untouched).items()
            if isinstance(value, Tensor) and not torch.equal(value.nan_to_num(), getattr(condition, name).nan_to_num())
        ]
        if changed:
            raise Broken(f"synthesize writes to the condition's {', '.join(changed)}")

    def _passes(self) -> None:
        answer = self._answer(self._method, self._whole())
        if answer.passes and not torch.equal(answer.passes[-1], answer.image):
            raise Broken("the last of `passes` is not `image`")

    def _any_batch(self) -> None:
        """In batches of one, in reverse order, and beside other pairs."""
        count = len(self._test)
        for what, blocks in (
            ("alone", [[index] for index in range(count)]),
            ("in reverse order", [list(reversed(range(count)))]),
            ("in batches of three", [list(range(start, min(start + 3, count))) for start in range(0, count, 3)]),
        ):
            images = torch.empty_like(self._images)
            for block in blocks:
                images[block] = self._answer(self._method, self._test.conditions(block)).image.float().cpu()
            moved = (images - self._images).abs().flatten(1).amax(dim=1)
            if float(moved.max()) > BATCH_TOLERANCE:
                index = int(moved.argmax())
                raise Broken(
                    f"pair {self._test.pair_id(index)} {what} differs by {float(moved[index]):.3g} from the same pair "
                    f"in a batch of {count}"
                )

    def _again(self) -> None:
        self._equal(self._synthesize(self._method), "synthesize, called twice,")
        self._equal(self._synthesize(self._trained()), "built and trained twice with one seed, it")

    def _other_seed(self) -> None:
        same = torch.equal(self._synthesize(self._trained(seed=1)), self._images)
        if same and self._card.seeded:
            raise Broken(
                "seeds 0 and 1 give the same images to the last bit: context.seed is not used. A training that draws "
                "nothing says so on its card: seeded=False"
            )
        if not same and not self._card.seeded:
            raise Broken("seeds 0 and 1 give other images, though the card says seeded=False")

    def _save_and_load(self) -> None:
        folder = self._new_folder()
        self._method.save(folder)
        self._equal(self._synthesize(self._method), "after save, it")
        again = registry.build(self._card.name, self._test.info, self._parameters)
        again.load(folder)
        self._equal(self._synthesize(again), "saved and loaded into a new instance, it")

    def _strict_load(self) -> None:
        method = registry.build(self._card.name, self._test.info, self._parameters)
        try:
            method.load(self._new_folder())
        except Exception:
            return
        raise Broken("load of an empty folder raises nothing: half a model would be taken for a whole one")

    def _resume(self) -> None:
        folder, counter = self._new_folder(), _StepCounter()
        try:
            self._trained(folder=folder, interrupt=counter)
        except KeyboardInterrupt:
            self._equal(self._synthesize(self._trained(folder=folder)), "resumed, it")
            return
        if not counter.done:
            raise Broken("fit never calls context.on_step: its progress cannot be shown, nor the training interrupted")
        if counter.done > INTERRUPT_AFTER:
            raise Broken("fit goes on after it was asked to stop")

    def _blind(self) -> None:
        folder = self._folder / "blind"
        folder.mkdir()
        words = (self._card.name, [str(Path(path).absolute()) for path in self._plugins], self._parameters, str(folder))
        script = f"from harness.check import write_blind_images; write_blind_images(*{words!r})"
        # started where our packages lie, so that a user's own ./methods cannot shadow them
        done = subprocess.run([sys.executable, "-c", script], cwd=CODE_ROOT, capture_output=True, text=True)
        if done.returncode or not (folder / BLIND_IMAGES).is_file():
            raise Broken(f"in a process of its own it fails: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
        images = torch.from_numpy(np.load(folder / BLIND_IMAGES))
        self._equal(images, "with noise in place of the targets, it")

    # ---- how

    def _data(self) -> tuple[PairData, PairData]:
        """Training and test pairs over the frame cache of the present home folder."""
        frames = self._dataset.frames(self._size_px)
        train = self._dataset.pair_list(SPLIT, "train", self._size_px)
        return PairData(frames, train), PairData(frames, self._test_pairs)

    def _trained(self, seed: int = 0, folder: Path | None = None, interrupt: _StepCounter | None = None) -> Method:
        """A new instance, fitted where the method learns, in another random state each time."""
        self._stir()
        method = registry.build(self._card.name, self._test.info, self._parameters)
        if self._card.learns:
            folder = folder or self._new_folder()
            context = FitContext(folder, seed, SCHEDULE, self._weights, precision="fp32")
            if interrupt is not None:
                context = replace(context, on_step=interrupt.on_step, stop=interrupt.stop)
            method.fit(self._train, context)
        return method

    def _synthesize(self, method: Method) -> Tensor:
        """Images of all test pairs in one batch, (N, 3, H, W), in another random state each time."""
        self._stir()
        return self._answer(method, self._whole()).image.float().cpu().clone()

    def _answer(self, method: Method, condition: Condition) -> Synthesis:
        with exact_float32():
            return synthesis.answer(method, condition)

    def _whole(self) -> Condition:
        return self._test.conditions(range(len(self._test)))

    def _equal(self, images: Tensor, what: str) -> None:
        if images.shape != self._images.shape:
            raise Broken(f"{what} gives shape {tuple(images.shape)}, not {tuple(self._images.shape)}")
        if not torch.equal(images, self._images):
            moved = (images - self._images).abs()
            raise Broken(f"{what} gives other images: {float((moved > 0).float().mean()):.1%} of the values differ, "
                         f"by up to {float(moved.max()):.3g}")  # fmt: skip

    def _new_folder(self) -> Path:
        folder = self._folder / f"training-{next(self._trainings)}"
        folder.mkdir()
        return folder

    def _stir(self) -> None:
        """Another state of every common random generator, so that whoever leans on one shows."""
        state = next(self._random_states)
        random.seed(state)
        np.random.seed(state)
        torch.manual_seed(state)


class _StepCounter:
    """Interrupts a training: asks it to stop after a few steps, and insists one step later."""

    def __init__(self) -> None:
        self.done = 0

    def on_step(self, done: int, steps: int, terms: Mapping[str, float]) -> None:
        self.done = done
        if done > INTERRUPT_AFTER:
            raise KeyboardInterrupt

    def stop(self) -> bool:
        return self.done >= INTERRUPT_AFTER


def _test_pairs(dataset: Synthetic, size_px: tuple[int, int]) -> PairList:
    """Test pairs of every clip, each reference with the target two frames on, which is nobody's reference."""
    pairs = dataset.pair_list(SPLIT, "test", size_px)

    def number(frame_id: str) -> int:
        return int(frame_id.rpartition("/")[2])

    chosen = (pair for pair in pairs.pairs if number(pair.target) - number(pair.reference) == FRAMES_APART)
    return replace(pairs, pairs=tuple(chosen))


def _noise_over_the_unseen(dataset: Synthetic, size_px: tuple[int, int], pairs: PairList) -> None:
    """Put noise over images and masks, in the frame cache of the present home folder, of every frame that a method may
    not see: the targets, and all others that are neither trained on nor anybody's reference."""
    folder = cache.folder(dataset.name, dataset.fingerprint(size_px), size_px)
    seen = {*dataset.partitions(SPLIT).train, *(pair.reference for pair in pairs.pairs)}
    unseen = [index for index, frame in enumerate(dataset.frame_ids()) if frame not in seen]
    generator = np.random.Generator(np.random.PCG64(0))
    for name, top in (("images.npy", 256), ("masks.npy", 2)):
        array = np.load(folder / name, mmap_mode="r+")
        array[unseen] = generator.integers(0, top, (len(unseen), *array.shape[1:]), dtype=np.uint8)
        array.flush()


@contextmanager
def _one_thread() -> Iterator[None]:
    """At these sizes threads only wait for each other; and sums come out the same in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _at_home(home: Path) -> Iterator[None]:
    """Let `home` be the home folder."""
    before = os.environ.get("BENCH_HOME")
    os.environ["BENCH_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["BENCH_HOME"]
        else:
            os.environ["BENCH_HOME"] = before


def _place(error: Exception) -> str:
    """`file:line` where an error was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
