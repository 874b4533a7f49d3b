"""Small natural pictures for the metrics' tests: crops of scikit-image's photographs, and pairs of them to score."""

from dataclasses import dataclass, replace

import numpy as np
from skimage import data
from skimage.transform import resize

from harness.metrics.features import describe
from harness.metrics.sample import Sample
from mrnet.skeletons import PENN13

SIZE_PX = 64


def crops(n, size_px=SIZE_PX, seed=0):
    """(n, size, size, 3) uint8: seeded crops of three photographs, each seen at a third of its size."""
    rng = np.random.default_rng(seed)
    photographs = [_third(photograph()) for photograph in (data.astronaut, data.chelsea, data.coffee)]
    return np.stack([_crop(photographs[index % 3], size_px, rng) for index in range(n)])


def noisy(images, seed=0, strength=25.0):
    """The images with Gaussian noise, uint8."""
    noise = np.random.default_rng(seed).normal(0, strength, images.shape)
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def person_mask(size_px=SIZE_PX):
    """(size, size) bool: an upright ellipse in the middle, a fifth of the picture."""
    rows, columns = np.mgrid[:size_px, :size_px] / size_px - 0.5
    return (rows / 0.4) ** 2 + (columns / 0.16) ** 2 <= 1


@dataclass(frozen=True)
class Pairs:
    """A `ScoringSet` of arrays."""

    generated_images: list
    targets: list
    masks: list
    boxes: list
    ids: list
    references: list | None = None
    joints: list | None = None
    dataset: str = ""
    skeleton: object = None

    @classmethod
    def of(cls, generated, targets):
        n, side = len(targets), len(targets[0])
        box = np.array([side / 4, 4, 3 * side / 4, side - 4], dtype=np.float32)
        ids = [f"clip_{index:04d}" for index in range(n)]
        return cls(list(generated), list(targets), [person_mask(side)] * n, [box] * n, ids)

    @classmethod
    def whole(cls, generated, targets, seed=1):
        """With references and joints of Penn's skeleton inside the box."""
        pairs, rng = cls.of(generated, targets), np.random.default_rng(seed)
        low, high = pairs.boxes[0][:2], pairs.boxes[0][2:]
        joints = [rng.uniform(low, high, (len(PENN13), 2)).astype(np.float32) for _ in targets]
        references = list(crops(len(targets), len(targets[0]), seed))
        return pairs.but(references=references, joints=joints, dataset="penn", skeleton=PENN13)

    def only(self, indices):
        columns = {name: value for name, value in vars(self).items() if isinstance(value, list)}
        return self.but(**{name: [column[index] for index in indices] for name, column in columns.items()})

    def but(self, **changes):
        return replace(self, **changes)

    def __len__(self):
        return len(self.ids)

    def pair_id(self, index):
        return self.ids[index]

    def group(self, index):
        return f"track{index % 2}"

    @property
    def offers(self):
        given = {"mask": self.masks, "box": self.boxes, "reference": self.references, "joints": self.joints}
        return frozenset(name for name, values in given.items() if any(value is not None for value in values or ()))

    def sample(self, index):
        parts = (self.generated_images, self.targets, self.masks, self.boxes)
        optional = (self.references, self.references and self.boxes, self.joints)
        return Sample(*(part[index] for part in parts), *(part and part[index] for part in optional))


def described(images, extractor):
    """(n, D) features and (n, classes) logits of the images, float32."""
    found = [describe(image, extractor, "cpu") for image in images]
    return tuple(np.stack(column) for column in zip(*found, strict=True))


def _third(image):
    height, width = image.shape[:2]
    return (resize(image, (height // 3, width // 3), anti_aliasing=True) * 255).round().astype(np.uint8)


def _crop(image, size_px, rng):
    top, left = (int(rng.integers(0, side - size_px + 1)) for side in image.shape[:2])
    return image[top : top + size_px, left : left + size_px].copy()
