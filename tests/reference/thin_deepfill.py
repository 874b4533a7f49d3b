"""Make the small DeepFill reference files beside this script from the full TensorFlow parity fixture.

    python tests/reference/thin_deepfill.py FULL_FIXTURES_FOLDER

Keeps some thousand values of each output, the statistics of the whole outputs, the inputs' rules, and names and shapes
of all variables.
"""

import json
import sys
from pathlib import Path

import numpy as np
from thin_tf import every_for

HERE = Path(__file__).parent
NAME = "deepfill_v1"
SIZES = (128, 256)
STRIDED = {128: "", 256: "_s4"}


def main(source: Path) -> None:
    full = json.loads((source / f"{NAME}.json").read_text())
    sheets: dict[str, dict] = {}
    arrays: dict[str, np.ndarray] = {}
    with np.load(source / f"{NAME}.npz") as outputs:
        for side in SIZES:
            fixture = f"{NAME}_{side}"
            net = full[fixture]
            statistics = net["stats"]
            sheets[fixture] = {
                "variables": {entry["name"]: entry["shape"] for entry in net["variables"]},
                "params": net["params_generator"],
                "stats": {key: value for key, value in statistics.items() if not key.startswith("he_")},
                "stats_he": {key[3:]: value for key, value in statistics.items() if key.startswith("he_")},
                "every": {},
            }
            for gain in ("", "he_"):
                for image in ("x1", "x2"):
                    values = outputs[f"{side}_{gain}{image}"]
                    key = f"{gain}{image}{STRIDED[side]}"
                    step = sheets[fixture]["every"][key] = every_for(values.size)
                    arrays[f"{fixture}/{key}"] = values.reshape(-1)[::step]
        for key in ("ca_fuse", "ca_nofuse", "nn_half_8", "discount_128"):
            arrays[key] = outputs[key]
    rest = [key for key in full if key not in sheets]
    sheets |= {key: full[key] for key in rest}
    critics = sheets["discriminators"]
    critics["variables"] = {entry["name"]: entry["shape"] for entry in critics["variables"]}
    np.savez_compressed(HERE / "deepfill.npz", **arrays)
    (HERE / "deepfill.json").write_text(json.dumps(sheets, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
