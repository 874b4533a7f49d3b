"""The report's golden files: a small results folder, and its report and tables in every format as they are to be.

    python tests/golden_report.py    # writes tests/reference/report/ anew; look at the difference before committing it

Pictures, the page's own style and script, and the hashes of the latter are left out of the page: the former depend on
Pillow, and the rest is not the report's.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from report_store import write_one, write_pairs
from test_report_certainty import pair_list, write
from test_report_paper_tables import SETTINGS, filled, paper_store

FOLDER = Path(__file__).parent / "reference" / "report"
CLIPS = 12


def report_store(root: Path) -> Path:
    """Ranked methods, one of two seeds, one with an ablation beside it, and controls, over twelve clips."""
    pairs = pair_list(CLIPS)
    write_pairs(root, pairs)
    for seed in (0, 1):
        write(root, "mrnet", pairs, 0.06, 0.02, seed=seed, parameters=SETTINGS["full"])
    one_pass = {"parameters": SETTINGS["one-pass"], "overrides": ("methods.mrnet.parameters.passes=1",)}
    write(root, "mrnet", pairs, 0.03, 0.02, "mrnet-one-pass", **one_pass)
    write(root, "pg2", pairs, 0.055, 0.03)
    write(root, "patn", pairs, -0.02, 0.01)
    for control, better in (("copy", -0.05), ("mean", -0.1), ("target", 0.3)):
        write(root, control, pairs, better)
    return root


def documents(root: Path) -> dict[str, str]:
    """Every golden file's text by its name, made anew in `root`."""
    report = write_one(report_store(root / "report"), rows=2)
    found = {f"report{path.suffix}": path for name, path in report.files.items() if name in ("markdown", "csv", "html")}
    found["report.tex"] = report.files["latex"]
    for name in ("1", "3"):
        (table,) = filled(paper_store(root / f"table-{name}"), name, claimed=True)
        found |= {f"table-{name}{path.suffix}": path for path in table.files.values()}
    return {name: _own(path.read_text(encoding="utf-8")) for name, path in found.items()}


def _own(words: str) -> str:
    words = re.sub(r"(data:image/\w+;base64,)[\w+/=]*", r"\1", words)
    words = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", words, flags=re.DOTALL)
    return re.sub(r"sha256-[\w+/=]*", "sha256-", words)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, words in documents(Path(folder)).items():
            (FOLDER / name).write_text(words, encoding="utf-8", newline="\n")
            print(FOLDER / name)


if __name__ == "__main__":
    sys.exit(main())
