"""Make the small reference files beside this script from the full parity fixtures.

    python tests/reference/thin.py FULL_FIXTURES_FOLDER

Keeps every 4th pixel of each MR-Net output in float32, some thousand values of each output of the competitors, the
statistics of the whole outputs, all parameter names and shapes, and the numbers of the loss fixture.
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
COMPETITORS = (
    *(f"dvg_{dataset}" for dataset in ("bbc", "market", "penn")),
    *(f"patn_{dataset}_{net}" for dataset in ("market", "fashion") for net in ("G", "D_PB", "D_PP")),
    *(f"pngan_{size}_{net}" for size in ("128x128", "256x128") for net in ("G", "D")),
    *(f"gp2p_{data}_{net}" for data in ("penn128", "fashion256") for net in ("G", "D")),
)
KEPT_VALUES = 4000


def thin_competitors(source: Path) -> None:
    """Names and shapes, inputs' rules, counts, statistics, and every n-th value of an output as the fixture has it."""
    arrays: dict[str, np.ndarray] = {}
    sheets: dict[str, dict] = {}
    for name in COMPETITORS:
        sheet = json.loads((source / f"{name}.json").read_text())
        kept = ("inputs", "params_total", "macs_per_sample_conv_linear")
        sheets[name] = {key: sheet[key] for key in kept}
        sheets[name]["state_dict"] = {key: shape for key, shape, _, _ in sheet["state_dict"]}
        with np.load(source / f"{name}.npz") as outputs:
            out = outputs["out0"]
        statistics = sheet["outputs"][0]
        sheets[name]["output"] = {key: statistics[key] for key in ("shape", "mean", "std", "abs_sum")}
        sheets[name]["output"]["stride_hw"] = 1 if list(out.shape) == statistics["shape"] else STRIDE
        step = sheets[name]["output"]["every"] = max(1, out.size // KEPT_VALUES) | 1  # odd: it visits every column
        arrays[name] = out.reshape(-1)[::step]
    np.savez_compressed(HERE / "competitors.npz", **arrays)
    (HERE / "competitors.json").write_text(json.dumps(sheets, separators=(",", ":")) + "\n")


def main(source: Path) -> None:
    thin_competitors(source)
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
