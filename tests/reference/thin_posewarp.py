"""Make the small PoseWarp reference files beside this script from the full TensorFlow parity fixture.

    python tests/reference/thin_posewarp.py FULL_FIXTURES_FOLDER

Keeps some thousand values of each output, the statistics of the whole outputs, the inputs, and names and shapes of all
variables.
"""

import json
import sys
from pathlib import Path

import numpy as np
from thin_tf import every_for

HERE = Path(__file__).parent
NAME = "posewarp"
WHOLE = ("trans", "unit_upsample", "unit_warp")


def main(source: Path) -> None:
    full = json.loads((source / f"{NAME}.json").read_text())
    statistics = full["stats"]
    sheet = {
        "variables": {entry["name"]: entry["shape"] for entry in full["variables"]},
        "discriminator": {entry["name"]: entry["shape"] for entry in full["discriminator_kernels"]},
        "params": full["params"],
        "disc_output": full["disc_output"],
        "joints": {key: full["inputs"][key] for key in ("joints_src", "joints_tgt")},
        "stats": {key: value for key, value in statistics.items() if not key.startswith("he_")},
        "stats_he": {key[3:]: value for key, value in statistics.items() if key.startswith("he_")},
        "every": {},
    }
    arrays: dict[str, np.ndarray] = {}
    with np.load(source / f"{NAME}.npz") as outputs:
        for key, values in outputs.items():
            step = sheet["every"][key] = 1 if key in WHOLE else every_for(values.size)
            arrays[f"{NAME}/{key}"] = values if key in WHOLE else values.reshape(-1)[::step]
    np.savez_compressed(HERE / f"{NAME}.npz", **arrays)
    (HERE / f"{NAME}.json").write_text(json.dumps({NAME: sheet}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
