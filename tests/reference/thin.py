"""Make the small reference files beside this script from the full parity fixtures.

    python tests/reference/thin.py FULL_FIXTURES_FOLDER

Keeps every 4th pixel of each MR-Net output in float32, the statistics of the whole outputs, all parameter names and
shapes, and the numbers of the loss fixture.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STRIDE = 4
NAMES = (
    *(f"mrnet_penn_{variant}" for variant in ("full", "r1", "nonl", "single")),
    "mrnet_bbc_full",
    *(f"mrnet_market_{variant}" for variant in ("full", "r1", "nonl", "single")),
)


def main(source: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    sheets: dict[str, dict] = {}
    for name in NAMES:
        sheet = json.loads((source / f"{name}.json").read_text())
        kept = {"outputs", "params_total"}
        sheets[name] = {key: sheet[key] for key in kept}
        sheets[name]["state_dict"] = {key: shape for key, shape, _, _ in sheet["state_dict"]}
        with np.load(source / f"{name}.npz") as outputs:
            for key in outputs.files:
                arrays[f"{name}/{key}"] = outputs[key][..., ::STRIDE, ::STRIDE]
    np.savez_compressed(HERE / "mrnet.npz", **arrays)
    (HERE / "mrnet.json").write_text(json.dumps(sheets, separators=(",", ":")) + "\n")
    losses = json.loads((source / "mrnet_loss.json").read_text())
    (HERE / "mrnet_loss.json").write_text(json.dumps(losses, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
