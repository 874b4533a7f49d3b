"""`bench import`: every convention's folder becomes a cell of the same pixels; what is not whole is refused."""

import json
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image
from small_run import PROTOCOL, bench
from typer.testing import CliRunner

from harness import datasets, paths, status
from harness.cli import app
from harness.images import read_image, write_png
from harness.importing import importer
from harness.importing.conventions import CONVENTIONS, find
from harness.rendered import deepfashion, market
from harness.rendered.layouts import write
from harness.store import Store

SIZES = {
    "market": market.MarketSize(train_people=4, test_people=5, distractors=2, junk=2, test_pairs=8),
    "deepfashion": deepfashion.DeepFashionSize(train_garments=3, test_garments=2),
}
SIZE = {"market": (64, 32), "deepfashion": (64, 48), "synthetic": (32, 32)}
EXPECTED = {
    "patn": "0002_c1s1_000451_03.jpg___0002_c2s1_000301_01.jpg_vis",
    "pose-gan": "0002_c1s1_000451_03.jpg_0002_c2s1_000301_01.jpg",
    "gfla": "0002_c1s1_000451_03_2_0002_c2s1_000301_01_vis",
    "mrnet": "0002_c1s1_000451_03_0002_c2s1_000301_01",
    "flat": "0002_c1s1_000451_03_2_0002_c2s1_000301_01",
    "pairs": "0002_c1s1_000451_03__c2s1_000301_01",
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    for like, size in SIZES.items():
        write(like, root / like, size=size)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """One home for all tests of the file: frames are decoded once."""
    place = tmp_path_factory.getbasetemp() / "import-home"
    monkeypatch.setenv("BENCH_HOME", str(place))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)


@pytest.fixture
def world(drawn, tmp_path):
    return World(drawn, tmp_path)


class World:
    """A folder of images in some convention, and the command that imports it."""

    def __init__(self, drawn, folder, dataset="market"):
        self.folder, self.images, self.results, self.drawn = folder, folder / "made", folder / "results", drawn
        self.use(dataset)
        (folder / "protocol.yaml").write_text(yaml.safe_dump(PROTOCOL))

    def use(self, name):
        self.root = self.drawn / name if name in SIZES else None
        self.dataset, self.size_px = datasets.get(name, self.root), SIZE[name]
        self.pairs = self.dataset.pair_list(self.dataset.default_split, "test", self.size_px).pairs

    def make(self, convention="pairs", ending=".png"):
        """Write a folder of noise in the convention; the generated images by pair id."""
        known, random = find(convention), np.random.default_rng(0)
        height, width = self.size_px
        pictures = {}
        for pair in self.pairs:
            strip = random.integers(0, 256, (height, width * known.panels, 3), dtype=np.uint8)
            write_png(self.images / f"{known.names(self.dataset, pair)[0]}{ending}", strip)
            pictures[pair.id] = strip[:, known.panel * width : (known.panel + 1) * width]
        return pictures

    def path(self, index=0, convention="pairs"):
        return self.images / f"{find(convention).names(self.dataset, self.pairs[index])[0]}.png"

    def run(self, *more, convention="pairs", size=None):
        height, width = self.size_px
        words = [
            "import",
            self.images,
            "--convention",
            convention,
            "--dataset",
            self.dataset.name,
            "--results",
            self.results,
            "--preset",
            size or f"{height}x{width}",
            "--protocol",
            self.folder / "protocol.yaml",
        ]
        words += ["--data-root", self.root] if self.root else []
        return CliRunner().invoke(app, [*map(str, words), *map(str, more)])  # fmt: skip

    def imported(self, *more, **options):
        done = self.run(*more, **options)
        assert done.exit_code == 0, done.output
        return done

    def record(self):
        ((path, record),) = [found for found in Store(self.results).records() if found[1].imported]
        return path.parent, record

    def refused(self, *words, **options):
        done = self.run(**options)
        told = " ".join(done.output.split())
        assert done.exit_code == 2 and "Traceback" not in done.output, done.output
        assert not self.results.exists()
        for word in words:
            assert word in told, told


# ---- what is imported is what was drawn


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_a_conventions_folder_becomes_a_cell_of_the_same_pixels(world, name):
    pictures = world.make(name)
    world.imported(convention=name)
    folder, record = world.record()
    assert {path.stem for path in (folder / "images").iterdir()} == set(pictures)
    for pair, picture in pictures.items():
        assert np.array_equal(read_image(folder / "images" / f"{pair}.png"), picture)
    assert (record.origin, record.n, record.missing, record.ranked) == ("unverified images", len(pictures), 0, False)
    assert record.imported.convention == name and record.method == f"{name}-made"
    assert record.dataset == "market" and record.size_px == (64, 32) and record.budget is None


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_the_names_are_those_of_the_releases(world, name):
    from harness.pairs import Pair

    assert find(name).names(world.dataset, Pair.of("0002/c1s1_000451_03", "0002/c2s1_000301_01"))[0] == EXPECTED[name]


def test_deepfashion_frames_are_called_as_in_patns_lists(drawn, tmp_path):
    world = World(drawn, tmp_path, "deepfashion")
    world.make("patn")
    (listed,) = world.root.rglob("*pairs-test.csv")
    first, second = listed.read_text().splitlines()[1].split(",")
    assert (world.images / f"{first}___{second}_vis.png").is_file()
    world.imported(convention="patn")
    assert world.record()[1].n == len(world.pairs)


@pytest.mark.parametrize("name", ["patn", "gfla", "mrnet"])
def test_other_datasets_frames_are_called_by_their_flattened_ids(drawn, tmp_path, name):
    world = World(drawn, tmp_path, "synthetic")
    world.make(name)
    pair = world.pairs[0]
    assert pair.reference.replace("/", "_") in world.path(0, name).name and "/" in pair.reference
    world.imported(convention=name)
    assert world.record()[1].n == len(world.pairs)


def test_a_pattern_of_ones_own(world):
    world.make("{reference}-to-{target}")
    world.imported("--name", "mine", convention="{reference}-to-{target}")
    assert world.record()[1].imported.convention == "{reference}-to-{target}" and world.record()[1].method == "mine"


def test_the_row_stands_beside_the_trained_ones_over_the_same_pairs(drawn, tmp_path):
    done = bench(tmp_path, "looped,copy", "--limit", "4")
    assert done.exit_code == 0, done.output
    world = World(drawn, tmp_path, "synthetic")
    world.make("patn")
    (listed,) = (tmp_path / "results" / "pairs").glob("*/pairs.csv")
    done = world.imported("--pairs", listed, "--name", "patn-released", convention="patn")
    assert "images have no pair" in done.output
    hashes = {record.pair_list_hash for _, record in Store(world.results).records()}
    assert len(hashes) == 1
    (report,) = [path.read_text() for path in world.results.glob("report/*-tests-*.md")]
    assert "| Looped |" in report and "*images made elsewhere, unverified: shown apart, not ranked*" in report
    assert "| patn-released (unverified images) |" in report and "Images made elsewhere: patn-released: " in report


# ---- the same again, and interruptions


def test_the_same_images_again_are_nothing_to_do(world):
    world.make("patn")
    world.imported("--name", "row", convention="patn")
    folder, record = world.record()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(world.images)
    world.make("patn")
    done = world.imported("--name", "row", convention="patn")
    assert "nothing to do" in done.output
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    cut = {pair.id: read_image(folder / "images" / f"{pair.id}.png") for pair in world.pairs}
    shutil.rmtree(world.images)
    for pair, picture in cut.items():
        write_png(world.images / f"{pair}.png", picture)
    assert "nothing to do" in world.imported("--name", "row").output  # the same pixels, packed otherwise


def test_other_images_make_another_cell(world):
    world.make()
    world.imported()
    write_png(world.path(), np.zeros((*world.size_px, 3), np.uint8))
    world.imported()
    assert len(list(world.results.glob("cells/market/pairs-made-*"))) == 2


def test_another_protocol_scores_the_stored_images(world):
    world.make()
    world.imported()
    images = {path: path.stat().st_mtime_ns for path in world.results.glob("cells/*/*/images/*.png")}
    (world.folder / "protocol.yaml").write_text(yaml.safe_dump({**PROTOCOL, "name": "other", "pairs": ["psnr"]}))
    world.imported()
    assert images == {path: path.stat().st_mtime_ns for path in world.results.glob("cells/*/*/images/*.png")}
    assert {record.protocol for _, record in Store(world.results).records()} == {"pairs-only", "other"}


def test_a_file_that_changes_while_it_is_imported_is_not_taken(world, monkeypatch):
    world.make()
    monkeypatch.setattr(importer, "digest", lambda image: "another")
    done = world.run()
    assert done.exit_code == 2 and "changed while it was imported" in done.output
    assert not Store(world.results).records()


def test_an_interrupted_import_goes_on_and_is_no_result_before(world, monkeypatch):
    pictures = world.make()

    def interrupted(path, image):
        if len(list(path.parent.glob("*.png"))) == 3:
            raise KeyboardInterrupt
        write_png(path, image)

    with monkeypatch.context() as patch:
        patch.setattr(importer.images, "write_png", interrupted)
        done = world.run()
    assert done.exit_code == 130 and "goes on from here" in done.output
    (item,) = status.cells(Store(world.results))
    assert item.state is status.State.TO_DO and not Store(world.results).records()
    assert len(list((item.folder / "images").glob("*.png"))) == 3
    world.imported()
    assert world.record()[1].n == len(pictures)
    assert status.cells(Store(world.results))[0].state is status.State.DONE


# ---- what is not whole


def test_a_set_that_is_not_whole_is_refused_by_name(world):
    world.make("patn")
    height, width = world.size_px
    world.path(0, "patn").unlink()
    write_png(world.path(1, "patn"), np.zeros((height, width * 3, 3), np.uint8))
    world.path(2, "patn").write_bytes(b"no image")
    write_png(world.images / "stray.png", np.zeros((height, width, 3), np.uint8))
    world.refused(
        "3 of 8 pairs have no usable image", f"missing: {world.pairs[0].id}",
        f"is {height}×{width * 3}; {height}×{width * 5} is needed (5 pictures of {height}×{width} side by side)",
        "is not a readable image", "without a pair: stray", "--allow-missing",
        f"Looked for, of pair {world.pairs[0].id}: ", convention="patn",
    )  # fmt: skip


def test_with_consent_what_lacks_is_stored_and_printed_everywhere(world):
    world.make()
    world.path(0).unlink()
    write_png(world.path(1), np.zeros((8, 8, 3), np.uint8))
    done = world.imported("--allow-missing", "--name", "partial")
    assert "2 of 8 pairs have no usable image and are in no mean" in " ".join(done.output.split())
    folder, record = world.record()
    assert (record.n, record.missing) == (6, 2) and record.metrics["psnr"].n == 6
    assert record.imported.missing_images == (world.pairs[0].id,)
    assert list(record.imported.unusable) == [world.pairs[1].id]
    report = next(world.results.glob("report/*.md")).read_text()
    label = "| partial (unverified images, 2 of 8 pairs missing) |"
    assert report.count(label) >= 1 and "Pairs: n = 6, missing 2" in report
    row = next(world.results.glob("report/*.csv")).read_text()
    assert "2 of 8 pairs missing" in row and "imported" in row
    assert world.pairs[0].id.replace("_", "\\_") in report
    assert json.loads(next(folder.glob("record-*.json")).read_text())["missing"] == 2


def test_lossy_files_are_scored_with_a_note_as_by_bench_score(world):
    pictures = world.make()
    shutil.rmtree(world.images)
    world.images.mkdir()
    for pair, picture in pictures.items():
        Image.fromarray(picture).save(world.images / f"{pair}.jpg", quality=95)
    done = world.imported()
    assert f"{len(pictures)} files are in a lossy format, which changes every number" in done.output
    assert len(world.record()[1].imported.lossy) == len(pictures)
    assert f"{len(pictures)} in a lossy format" in next(world.results.glob("report/*.md")).read_text()


# ---- wrong use


def test_wrong_words_are_refused(world):
    world.make()
    world.refused("unknown convention 'pants'", "Did you mean 'patn'?", convention="pants")
    world.refused("is no pattern", convention="{source}_{target}")
    world.refused("names one file for several pairs", convention="{target}")
    world.refused("is named as convention patn names the pairs of market", "_vis.png", convention="patn")
    world.refused("is 64×32; 128×64 is needed", size="paper")
    for name, words in (("patn", "that is the row of a method"), ("copy", "copy-released"), ("a/b", "letters, digits")):
        done = world.run("--name", name)
        assert done.exit_code == 2 and words in " ".join(done.output.split()), done.output


def test_images_that_are_no_folder(world):
    world.refused("does not exist; a folder of images is needed")
    world.images.write_text("x")
    world.refused("is a file; a folder of images is needed")


def test_two_files_of_a_pair_are_refused(world):
    world.make("flat")
    pair = world.pairs[0]
    other = find("flat").names(world.dataset, pair)[1]
    shutil.copy(world.path(0, "flat"), world.images / f"{other}.png")
    world.refused(f"are both of pair {pair.id}", convention="flat")


def test_a_file_that_fits_two_pairs_is_refused(world, monkeypatch):
    world.make()
    monkeypatch.setattr(type(world.dataset), "file_name", lambda dataset, frame: "x")
    (world.images / "x_x.png").write_bytes(world.path().read_bytes())
    world.refused("fits two pairs", "--convention pairs", convention="mrnet")


def test_data_that_is_not_there_is_told(world):
    world.make()
    world.root = paths.home()
    done = world.run()
    assert done.exit_code == 2 and "bench data synth --like market" in done.output
