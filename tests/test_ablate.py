"""`bench ablate`: what the shipped grids mean, and a grid run, resumed, extended, on val, and reported in its order."""

import csv
import json
import shutil

import pytest
import yaml
from PIL import Image
from small_run import arguments
from typer.testing import CliRunner

from harness import config
from harness.ablation import plan_grid
from harness.cli import app
from harness.errors import UserError
from harness.grids import Grid, load_grid
from harness.plan import RunRequest
from harness.rendered import penn
from harness.rendered.layouts import write
from harness.report.figures import MIN_TILE_PX
from harness.resolve import all_cards

GRID = {"name": "gains", "title": "how bright", "method": "tiny", "axes": {"gain": [1.0, 0.5]}, "x": "gain"}
TABLE_III = [
    # λ1, λ2, passes, two paths, non-local: rows of the paper's Table III in its order; no RoI loss: its weight is 0
    (0.5, 0.05, 1, True, True),
    (0.5, 0.05, 2, True, True),
    (0.5, 0.0, 3, True, True),
    (0.5, 0.05, 3, False, True),
    (0.5, 0.05, 3, True, False),
    (0.0, 0.05, 3, True, True),
    (0.1, 0.05, 3, True, True),
    (0.5, 0.15, 3, True, True),
    (0.5, 0.5, 3, True, True),
    (0.5, 0.05, 3, True, True),
]


def ablate(folder, *more, grid=None):
    """Run `bench ablate` with a grid of the small method; the arguments of presets and protocols are those of runs."""
    words = arguments(folder, "tiny")
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid or GRID, allow_unicode=True))
    given = words[words.index("--dataset") :]
    return CliRunner().invoke(app, ["ablate", "--grid", str(folder / "grid.yaml"), *given, *map(str, more)])


def rows(folder, stem="gains", data="synthetic-time"):
    """The CSV's rows by title, in its order."""
    (path,) = (folder / "results" / "report").glob(f"ablation-{stem}-{data}-*.csv")
    return {row["title"]: row for row in csv.DictReader(path.open(encoding="utf-8"))}


def trainings(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("results/models/*/done.json")}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A plain run of the method, gain 1, then the grid into the same results folder; what the run trained."""
    folder = tmp_path_factory.mktemp("ablate")
    assert CliRunner().invoke(app, arguments(folder, "tiny")).exit_code == 0
    trained = trainings(folder)
    result = ablate(folder)
    assert result.exit_code == 0, result.output
    return folder, result, trained


# ---- grids


def test_every_shipped_grid_is_called_as_its_file_and_fits_its_method():
    names = config.names("grids")
    assert names == ["components", "iterations", "lambda", "lambda-full", "masks", "paper", "roi-transfer"]
    for name in names:
        grid = load_grid(name)
        known = all_cards()[grid.method].parameters
        assert grid.name == name and grid.source.startswith("Xu et al.")
        for row in grid.all_rows:
            assert set(row.parameters) <= set(known), (name, row.label)
            assert all(type(known[key]) is type(value) for key, value in row.parameters.items()), (name, row.label)


def test_the_grid_paper_is_table_iii_row_by_row():
    keys = ("lambda1", "lambda2", "passes", "two_path", "non_local")
    assert [tuple(row.parameters[key] for key in keys) for row in load_grid("paper").all_rows] == TABLE_III


def test_lambda_is_the_papers_five_points_and_lambda_full_all_nine():
    def points(name):
        return [(row.parameters["lambda1"], row.parameters["lambda2"]) for row in load_grid(name).all_rows]

    assert points("lambda") == [(0, 0.05), (0.1, 0.05), (0.5, 0.05), (0.5, 0.15), (0.5, 0.5)]
    full = points("lambda-full")
    assert len(set(full)) == 9 and set(points("lambda")) <= set(full)


def test_iterations_go_beyond_the_tables_and_components_leave_one_out_at_a_time():
    assert [row.parameters["passes"] for row in load_grid("iterations").all_rows] == [1, 2, 3, 4, 5]
    left_out = [row.parameters for row in load_grid("components").all_rows]
    assert left_out == [{"lambda2": 0.0}, {"two_path": False}, {"non_local": False}, {}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": [{"label": "a"}]}, "`rows` or `axes`, and not both"),
        ({"axes": {}, "x": None}, "`rows` or `axes`, and not both"),
        ({"axes": {"gain": []}}, "an axis has no value"),
        ({"axes": {"gain": [1.0, 1.0]}}, "two rows have the same label"),
        ({"x": "width"}, "not a number in every row"),
        ({"axis": {}}, "unknown key 'axis'"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_with_its_file(tmp_path, changes, words):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(GRID | changes))
    with pytest.raises(UserError, match=words) as error:
        load_grid(str(path))
    assert str(path) in str(error.value)


def test_a_parameter_the_method_does_not_have_is_named_with_the_row(tmp_path):
    grid = Grid(name="g", title="t", method="mrnet", axes={"lamda1": [1.0]})
    request = RunRequest(methods=(), dataset="synthetic", preset="smoke", results=tmp_path)
    with pytest.raises(UserError, match=r"grid g, row 'lamda1 = 1.0'.*lamda1"):
        plan_grid(grid, request)


# ---- a run


def test_rows_stand_in_the_grids_order_under_their_labels(done):
    folder, result, _ = done
    found = rows(folder)
    assert list(found) == ["gain = 1.0", "gain = 0.5"]
    assert len({row["psnr"] for row in found.values()}) == 2, "each row has a result of its own"
    assert "Ablation: how bright" in result.output and "train tiny [gain = 0.5] seed 0" in result.output
    (document,) = (folder / "results" / "report").glob("ablation-gains-*.md")
    text = document.read_text(encoding="utf-8")
    assert text.index("| gain = 1.0 |") < text.index("| gain = 0.5 |")
    assert text.count("**") == 2 * text.split("## ")[0].count(" ↑"), "one best value a metric"


def test_the_rows_images_stand_side_by_side_under_their_labels(done):
    folder, *_ = done
    (grid,) = (folder / "results" / "report").glob("ablation-gains-*-grid.png")
    (document,) = (folder / "results" / "report").glob("ablation-gains-*.md")
    assert f"]({grid.name})" in document.read_text(encoding="utf-8")
    width, height = Image.open(grid).size
    given_and_rows = 3 + len(GRID["axes"]["gain"])
    assert given_and_rows * MIN_TILE_PX < width < (given_and_rows + 1) * MIN_TILE_PX and height > MIN_TILE_PX


def test_the_figure_is_drawn_along_the_numeric_parameter(done):
    folder, *_ = done
    (figure,) = (folder / "results" / "report").glob("ablation-gains-*pairs-only.png")
    assert figure.stat().st_size > 5000
    again = figure.read_bytes()
    assert ablate(folder).exit_code == 0
    assert figure.read_bytes() == again


def test_again_trains_nothing_and_a_longer_grid_only_what_is_new(done, tmp_path):
    folder, *_ = done
    before = trainings(folder)
    assert len(before) == 2
    longer = GRID | {"axes": {"gain": [1.0, 0.5, 0.25]}}
    result = ablate(folder, grid=longer)
    assert result.exit_code == 0, result.output
    after = trainings(folder)
    assert len(after) == 3 and before.items() <= after.items()
    assert list(rows(folder)) == ["gain = 1.0", "gain = 0.5", "gain = 0.25"]


def test_what_a_plain_run_trained_is_a_row_without_being_trained_again(done):
    folder, _, trained = done
    assert len(trained) == 1 and trained.items() <= trainings(folder).items()


def test_on_val_no_test_pair_is_looked_at_and_the_report_says_what_it_is_for(done, tmp_path):
    folder, *_ = done
    shutil.copytree(folder / "results" / "models", tmp_path / "results" / "models")
    before = trainings(tmp_path)
    result = ablate(tmp_path, "--on", "val", grid=GRID)
    assert result.exit_code == 0, result.output
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/cells/*/*/record-*.json")]
    tested = [json.loads(path.read_text()) for path in folder.glob("results/cells/*/*/record-*.json")]
    assert {record["partition"] for record in records} == {"val"}
    assert {record["partition"] for record in tested} == {"test"}
    assert not {record["pair_list_hash"] for record in records} & {record["pair_list_hash"] for record in tested}
    assert trainings(tmp_path) == before, "the trainings are the same"
    (document,) = (tmp_path / "results" / "report").glob("ablation-gains-synthetic-time-val-*.md")
    assert "Pairs of val: to choose a parameter by" in document.read_text(encoding="utf-8")


def test_pairs_that_are_neither_test_nor_val_are_refused(tmp_path):
    result = ablate(tmp_path, "--on", "train")
    assert result.exit_code == 2 and "unknown partition 'train'" in result.output


def test_rows_of_other_masks_share_no_metric_over_masks(tmp_path, empty_home):
    write("penn", tmp_path / "penn", size=penn.PennSize(2, 2, 14, 15))
    grid = {"name": "masks", "title": "masks", "method": "tiny"}
    grid["rows"] = [
        {"label": "own"},
        {"label": "joints", "masks": "joints"},
        {"label": "box", "masks": "box"},
    ]
    result = ablate(tmp_path, "--dataset", "penn", "--data-root", tmp_path / "penn", "--limit", 8, grid=grid)
    assert result.exit_code == 0, result.output
    (document,) = (tmp_path / "results" / "report").glob("ablation-masks-penn-*.md")
    heading = next(line for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| Method"))
    assert "PSNR" in heading and "M-SSIM" not in heading
    assert list(rows(tmp_path, "masks", "penn")) == ["own", "box"]
    assert "joints (the same as own)" in document.read_text(encoding="utf-8"), "penn has no masks but those"


def test_a_row_whose_masks_are_not_to_be_had_is_refused_and_the_others_run(tmp_path):
    grid = {"name": "masks", "title": "masks", "method": "tiny"}
    grid["rows"] = [{"label": "own"}, {"label": "found", "masks": "maskrcnn"}]
    result = ablate(tmp_path, grid=grid)
    assert result.exit_code == 0, result.output
    assert "1 refused" in result.output
    (document,) = (tmp_path / "results" / "report").glob("ablation-masks-*.md")
    assert "Rows without a result: found (the person masks of synthetic" in document.read_text(encoding="utf-8")


def test_the_plan_names_every_row_and_runs_nothing(tmp_path):
    result = ablate(tmp_path, "--plan")
    assert result.exit_code == 0 and not (tmp_path / "results").exists()
    for label in ("gain = 1.0", "gain = 0.5"):
        assert f"train tiny [{label}] seed 0" in result.output
