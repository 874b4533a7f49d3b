"""Make the small BodyROI7 reference files beside this script from the full TensorFlow parity fixtures.

    python tests/reference/thin_bodyroi7.py FULL_FIXTURES_FOLDER

Keeps the embeddings, some thousand values of each image and region, the statistics of the whole outputs, the inputs'
boxes, and names and shapes of all variables; of the preprocessing, the people with their masks, pose maps and regions.
"""

import json
import sys
from pathlib import Path

import numpy as np
from thin_tf import every_for

HERE = Path(__file__).parent
NAMES = ("bodyroi7_fgbg_128x64", "bodyroi7_fgbg_128x128")
PREPROCESSING = "preprocess_pg2_bodyroi7"
PACKED = ("mask_r7", "pose_r4")  # of the preprocessing: what BodyROI7 takes, eight pixels a byte


def main(source: Path) -> None:
    sheets: dict[str, dict] = {}
    arrays: dict[str, np.ndarray] = {}
    for name in NAMES:
        full = json.loads((source / f"{name}.json").read_text())
        statistics = full["stats"]
        sheet = sheets[name] = {
            "params": full["params"],
            "stats": {key: value for key, value in statistics.items() if not key.startswith("he_")},
            "stats_he": {key[3:]: value for key, value in statistics.items() if key.startswith("he_")},
        }
        sheet["boxes"] = full["inputs"]["bboxes_y1x1y2x2"]
        sheet["visibility"] = full["inputs"]["visibility"]
        parts = (entry for part in ("variables_Encoder", "variables_ID_AE") for entry in full[part])
        sheet["variables"] = {entry["name"]: entry["shape"] for entry in parts}
        sheet["every"] = {}
        with np.load(source / f"{name}.npz") as outputs:
            for key, values in outputs.items():
                # images at stride 2 where the fixture is halved, which its name does not say
                halved = key in ("G", "he_G") and values.shape[1] < full["H"]
                kept = f"{key}_s2" if halved else key
                step = sheet["every"][kept] = every_for(values.size)
                arrays[f"{name}/{kept}"] = values.reshape(-1)[::step]
    preprocessing = json.loads((source / f"{PREPROCESSING}.json").read_text())
    sheets["preprocessing"] = {
        "joints_xy": preprocessing["joints_xy"],
        "cases": [
            {key: case.get(key) for key in ("H", "W", "person", "x_scale", "bbox7_market_r6", "vis7")}
            for case in preprocessing["cases"]
        ],
    }
    with np.load(source / f"{PREPROCESSING}.npz") as packed:
        arrays |= {f"preprocessing/{key}": packed[key] for key in packed.files if key.startswith(PACKED)}
    np.savez_compressed(HERE / "bodyroi7.npz", **arrays)
    (HERE / "bodyroi7.json").write_text(json.dumps(sheets, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
