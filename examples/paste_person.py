"""A foreign program for `bench run --methods command`: moves the cut-out person from its box to the target's box.

It needs Pillow alone and knows nothing of mrnet-bench but the folder: docs/foreign-programs.md.
usage: python paste_person.py IN OUT
"""

import csv
import json
import sys
from pathlib import Path

from PIL import Image, ImageFilter

BLUR_PX = 6


def corners(box):
    """A box in whole pixels, at least one pixel wide and high; None where it is missing."""
    if box is None:
        return None
    left, top, right, bottom = (round(edge) for edge in box)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def moved(image, mask, source, goal):
    """The person of `source` pasted over `goal`; where the person stood, a blur of the scene."""
    size = goal[2] - goal[0], goal[3] - goal[1]
    scene = image.copy()
    scene.paste(image.filter(ImageFilter.GaussianBlur(BLUR_PX)), mask=mask)
    scene.paste(image.crop(source).resize(size), goal[:2], mask.crop(source).resize(size))
    return scene


def main(inputs, outputs):
    """One image for every row of pairs.csv."""
    with (inputs / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=1):
        image = Image.open(inputs / row["image"]).convert("RGB")
        poses = json.loads((inputs / row["joints"]).read_text())
        source, goal = corners(poses["reference"]["box"]), corners(poses["target"]["box"])
        if source and goal:
            mask = Image.open(inputs / row["mask"]) if row["mask"] else Image.new("L", image.size, 255)
            image = moved(image, mask, source, goal)
        image.save(outputs / f"{row['id']}.png")
        print(f"{number}/{len(rows)} {row['id']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
