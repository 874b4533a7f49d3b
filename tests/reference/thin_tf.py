"""Make the small PG² reference files beside this script from the full TensorFlow parity fixtures.

    python tests/reference/thin_tf.py FULL_FIXTURES_FOLDER

Keeps some thousand values of each output, the statistics of the whole outputs, the inputs' rules, and names and shapes
of all variables.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
GENERATORS = ("pg2_market128x64", "pg2_256cfg_at128x128", "pg2_256x256")
DISCRIMINATORS = "pg2_bodyroi7_discriminators"
DISCRIMINATOR_PREFIX = "dcgan_"
KEPT_VALUES = 3000


def every_for(size: int) -> int:
    """Between two kept values: shares no factor with sides and image channels, so that it visits every column."""
    return next(step for step in range(max(1, size // KEPT_VALUES), size + 1) if math.gcd(step, 6) == 1)


def generator_sheet(source: Path, name: str) -> dict:
    sheet = json.loads((source / f"{name}.json").read_text())
    kept = {key: sheet[key] for key in ("inputs", "params", "stats", "stats_he")}
    for net in ("G1", "G2"):
        kept[f"variables_{net}"] = {entry["name"]: entry["shape"] for entry in sheet[f"variables_{net}"]}
    return kept


def main(source: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    sheets: dict[str, dict] = {}
    for name in GENERATORS:
        sheets[name] = generator_sheet(source, name)
        sheets[name]["every"] = {}
        with np.load(source / f"{name}.npz") as outputs:
            for key, values in outputs.items():
                step = sheets[name]["every"][key] = every_for(values.size)
                arrays[f"{name}/{key}"] = values.reshape(-1)[::step]
    for name, net in json.loads((source / f"{DISCRIMINATORS}.json").read_text())["nets"].items():
        if name.startswith(DISCRIMINATOR_PREFIX):
            sheets[name] = {key: net[key] for key in ("input_key", "input_shape", "params", "output", "output_he")}
            sheets[name]["variables"] = {entry["name"]: entry["shape"] for entry in net["variables"]}
    np.savez_compressed(HERE / "pg2.npz", **arrays)
    (HERE / "pg2.json").write_text(json.dumps(sheets, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
