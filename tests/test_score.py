"""`bench score`: the numbers of independent libraries for two folders, and a sentence for everything that is wrong."""

import json
import os
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from natural_images import crops, noisy, person_mask
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from test_metrics_lpips import package, tensor
from typer.testing import CliRunner

from harness.cli import app
from harness.folder_score import remarks
from harness.image_folders import FolderPairs, survey
from harness.images import read_mask, write_png
from harness.metrics.protocol import load_protocol
from harness.records import FolderRecord

N = 6
PLAIN = """
name: plain
version: 1
title: no weights
pairs: [psnr, ssim, m_ssim, box_ssim]
psnr: {data_range: 255, cap_db: 100}
ssim: {data_range: 255, sigma: 1.5, k1: 0.01, k2: 0.03}
lpips: {net: alex, version: "0.1", min_side_px: 32}
"""


@pytest.fixture
def folders(tmp_path):
    """generated, target and mask folders of six pictures, and a protocol that needs no weights."""
    targets = crops(N)
    for index, (generated, target) in enumerate(zip(noisy(targets), targets, strict=True)):
        name = f"clip{index % 2}/{index}.png"
        write_png(tmp_path / "generated" / name, generated)
        write_png(tmp_path / "target" / name, target)
        path = tmp_path / "mask" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(person_mask().astype(np.uint8) * 255).save(path)
    (tmp_path / "plain.yaml").write_text(PLAIN)
    return tmp_path


def bench_score(folder, *more, mask=True, protocol="plain.yaml"):
    words = ["--generated", folder / "generated", "--target", folder / "target"]
    words += ["--mask", folder / "mask"] if mask else []
    words += ["--protocol", folder / protocol if protocol.endswith(".yaml") else protocol]
    return CliRunner().invoke(app, ["score", *map(str, words), *map(str, more)])


def scored(folder, *more, **options):
    result = bench_score(folder, "--json", folder / "out.json", *more, **options)
    assert result.exit_code == 0, result.output
    return FolderRecord.model_validate(json.loads((folder / "out.json").read_text())), result


def test_pair_metrics_are_those_of_scikit_image(folders):
    record, result = scored(folders, "--csv", folders / "pairs.csv")
    targets = crops(N)
    psnr, ssim, m_ssim = [], [], []
    for target, generated in zip(targets, noisy(targets), strict=True):
        value, full = structural_similarity(
            target, generated, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
            channel_axis=2, full=True,
        )  # fmt: skip
        psnr.append(peak_signal_noise_ratio(target, generated, data_range=255))
        ssim.append(value)
        m_ssim.append(full.mean(axis=2)[person_mask()].mean())
    for key, values in (("psnr", psnr), ("ssim", ssim), ("m_ssim", m_ssim)):
        assert record.metrics[key].mean == pytest.approx(np.mean(values), abs=1e-9), key
    assert record.n == N and record.missing == 0 and record.target_box_source == "mask"
    assert record.by_group["clip0"]["psnr"] == pytest.approx(np.mean(psnr[::2]))
    rows = pd.read_csv(folders / "pairs.csv")
    assert list(rows["pair"]) == [f"clip{i % 2}/{i}" for i in (0, 2, 4, 1, 3, 5)]
    np.testing.assert_allclose(rows["ssim"], [ssim[i] for i in (0, 2, 4, 1, 3, 5)])
    assert "M-SSIM ↑" in result.output and f"{N} pairs" in result.output


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lpips_and_set_metrics_follow_the_protocol(folders, weights):
    record, result = scored(folders, protocol="offline-v1", mask=False)
    reference = package(weights.state_dict("alexnet"), spatial=False)
    expected = [float(reference(tensor(a), tensor(b))) for a, b in zip(crops(N), noisy(crops(N)), strict=True)]
    assert record.metrics["lpips"].mean == pytest.approx(np.mean(expected), abs=1e-6)
    assert record.metrics["fd_efficientnet_lite0"].small and record.metrics["kd_efficientnet_lite0"].small
    quality = {key for key in record.metrics if not key.endswith("_efficientnet_lite0")}
    assert quality == {"psnr", "ssim", "lpips", "lpips_vgg"}
    protocol = load_protocol("offline-v1")
    assert set(record.skipped) == set(protocol.metric_keys) - set(record.metrics)
    assert set(record.weights) == {"alexnet", "vgg16", "efficientnet_lite0"} and "torch" in record.versions
    assert "†" in result.output and "M-SSIM, M-LPIPS: the pairs have no mask" in result.output


def test_a_folder_against_itself_is_perfect_whatever_the_ending(folders):
    for path in (folders / "target").rglob("*.png"):
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    assert len(list((folders / "target").rglob("*.bmp"))) == N
    (folders / "generated").rename(folders / "noisy")
    (folders / "target").rename(folders / "generated")
    os.symlink(folders / "generated", folders / "target")
    record, _ = scored(folders)
    assert record.metrics["psnr"].mean == 100 and record.metrics["m_ssim"].mean == pytest.approx(1)
    assert record.generated_hash == record.target_hash != record.mask_hash


def test_hashes_follow_names_and_contents(folders):
    before, _ = scored(folders)
    again, _ = scored(folders)
    assert (before.generated_hash, before.target_hash) == (again.generated_hash, again.target_hash)
    a, b = folders / "generated" / "clip0" / "0.png", folders / "generated" / "clip0" / "2.png"
    a.rename(a.with_name("swap")), b.rename(a), a.with_name("swap").rename(b)
    swapped, _ = scored(folders)
    assert swapped.generated_hash != before.generated_hash and swapped.target_hash == before.target_hash


def test_missing_images_are_refused_with_names_or_counted_when_allowed(folders):
    (folders / "generated" / "clip0" / "0.png").unlink()
    (folders / "generated" / "clip1" / "1.png").write_bytes(b"\x89PNG broken")
    Image.new("RGB", (60, 64)).save(folders / "generated" / "clip0" / "2.png")
    Image.new("L", (64, 64)).save(folders / "generated" / "clip0" / "4.png")
    refused = bench_score(folders)
    assert refused.exit_code == 2
    for words in ("4 of 6 targets have no usable image", "missing: clip0/0", "1.png is not a readable image",
                  "2.png is 64×60; 64×64 is needed", "4.png is a L image", "--allow-missing"):  # fmt: skip
        assert words in refused.output
    record, result = scored(folders, "--allow-missing")
    assert (record.n, record.missing) == (2, 4)
    assert record.missing_images == ("clip0/0",)
    assert set(record.unusable) == {"clip0/2", "clip0/4", "clip1/1"}
    assert "4 of 6 targets have no usable image and are in no mean" in result.output
    assert "1.png is not a readable image" in result.output


def test_a_truncated_image_is_not_scored(folders):
    path = folders / "generated" / "clip1" / "3.png"
    path.write_bytes(path.read_bytes()[:-300])
    assert "3.png is not a readable image" in bench_score(folders).output


def test_extra_and_lossy_files_are_told_and_recorded(folders):
    write_png(folders / "generated" / "clip9" / "9.png", crops(1)[0])
    path = folders / "generated" / "clip0" / "0.png"
    Image.open(path).save(path.with_suffix(".jpg"))
    path.unlink()
    record, result = scored(folders)
    assert record.extra == ("clip9/9",) and record.lossy == (str(path.with_suffix(".jpg")),)
    assert "1 images have no target and were not scored: clip9/9" in result.output
    assert "1 files are in a lossy format" in result.output
    assert len(remarks(record)) == 2


def test_hidden_files_are_the_systems(folders):
    for place in (folders / "generated" / ".DS_Store", folders / "target" / ".cache" / "x.txt"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("x")
    assert scored(folders)[0].n == N


def test_a_mask_is_a_person_wherever_it_is_not_black(folders):
    """One channel or three equal ones, 0/1, 0/255, labels or palettes."""
    path, inside = folders / "mask.png", person_mask()
    labels = (inside * 7).astype(np.uint8)
    for image in (Image.fromarray(labels), Image.fromarray(inside), Image.fromarray(np.stack([labels] * 3, axis=2))):
        image.save(path)
        assert np.array_equal(read_mask(path), inside)
    Image.fromarray(labels).convert("P").save(path)
    assert read_mask(path, (64, 64)).shape == (64, 64)


def test_boxes_are_those_of_the_masks(folders):
    pairs = FolderPairs(survey(folders / "generated", folders / "target", folders / "mask"))
    rows, columns = np.nonzero(person_mask())
    np.testing.assert_array_equal(pairs.sample(0).box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


# ---- wrong use: exit code 2, one sentence that says what, where and how to mend it


def sixteen_bit_png(side_px, rows=None):
    """A colour PNG of 16 bits a channel, which PIL alone would read as one of 8."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side_px, side_px, 16, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 + side_px * 6) * (side_px if rows is None else rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def break_it(folder, how):
    match how:
        case "no folder":
            (folder / "generated").rename(folder / "elsewhere")
        case "file for a folder":
            (folder / "target").rename(folder / "elsewhere")
            (folder / "target").write_text("x")
        case "empty folder":
            (folder / "target").rename(folder / "elsewhere")
            (folder / "target").mkdir()
        case "non-image":
            (folder / "generated" / "clip0" / "notes.txt").write_text("x")
        case "other names":
            (folder / "generated" / "clip0").rename(folder / "generated" / "a")
            (folder / "generated" / "clip1").rename(folder / "generated" / "b")
        case "two of one name":
            path = folder / "generated" / "clip0" / "0.png"
            Image.open(path).save(path.with_suffix(".jpg"))
        case "corrupt target":
            (folder / "target" / "clip0" / "0.png").write_bytes(b"x")
        case "targets of two sizes":
            Image.new("RGB", (32, 64)).save(folder / "target" / "clip0" / "0.png")
        case "no mask":
            (folder / "mask" / "clip0" / "0.png").unlink()
        case "mask of another size":
            Image.new("L", (32, 64), 255).save(folder / "mask" / "clip0" / "0.png")
        case "lossy mask":
            path = folder / "mask" / "clip0" / "0.png"
            Image.open(path).save(path.with_suffix(".jpg"))
            path.unlink()
        case "coloured mask":
            write_png(folder / "mask" / "clip0" / "0.png", crops(1)[0])
        case "link to nothing":
            os.symlink(folder / "nowhere.png", folder / "generated" / "link.png")
        case "linked folder":
            os.symlink(folder / "target" / "clip0", folder / "target" / "linked")
        case "16 bits":
            path = folder / "target" / "clip0" / "0.png"
            path.write_bytes(sixteen_bit_png(64))
        case "animation":
            frames = [Image.fromarray(image) for image in crops(2)]
            frames[0].save(folder / "target" / "clip0" / "0.png", save_all=True, append_images=frames[1:])
        case "bomb":
            (folder / "target" / "clip0" / "0.png").write_bytes(sixteen_bit_png(30_000, rows=0))
        case "name of no text":
            (folder / "generated" / os.fsdecode(b"\xff.png")).write_bytes(b"x")
        case "empty mask":
            Image.new("L", (64, 64)).save(folder / "mask" / "clip0" / "0.png")
        case _:
            raise ValueError(how)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no folder", "generated does not exist; a folder of images is needed"),
        ("file for a folder", "target is a file; a folder of images is needed"),
        ("empty folder", "target is empty"),
        ("non-image", "holds what is no image (.png, .bmp, .tif, .tiff, .jpg, .jpeg, .webp): clip0/notes.txt"),
        ("other names", "has the name of one of"),
        ("two of one name", "two images of one name: 0.jpg and 0.png"),
        ("corrupt target", "1 targets cannot be used"),
        ("targets of two sizes", "64×32: 1, such as clip0/0"),
        ("no mask", "clip0/0: no mask"),
        ("mask of another size", "0.png is 64×32; 64×64 is needed"),
        ("lossy mask", "0.jpg is in a lossy format"),
        ("coloured mask", "0.png is a RGB image; a mask has one channel or three equal ones"),
        ("link to nothing", "holds links to folders or to nothing, which are not followed: link.png"),
        ("linked folder", "which are not followed: linked"),
        ("16 bits", "0.png has more than 8 bits a channel"),
        ("animation", "0.png has 2 frames; a single image is needed"),
        ("bomb", "0.png is not a readable image"),
        ("name of no text", "names are no UTF-8 text: '\\udcff.png'"),
        ("empty mask", "clip0/0: the mask is empty"),
    ],
)
def test_wrong_use(folders, how, words):
    break_it(folders, how)
    result = bench_score(folders)
    assert result.exit_code == 2, result.output
    assert words in result.output and "Traceback" not in result.output


def test_a_record_that_has_no_place_is_refused_before_any_work(folders):
    (folders / "generated" / "clip0" / "0.png").unlink()
    (folders / "file").write_text("x")
    for option, path, words in (
        ("--json", folders, "is a folder; the name of a file is needed"),
        ("--csv", folders, "is a folder; the name of a file is needed"),
        ("--json", folders / "file" / "x.json", "lies below"),
    ):
        result = bench_score(folders, option, path)
        assert result.exit_code == 2 and f"{option} {path} {words}" in result.output
    (folders / "new").mkdir()
    assert bench_score(folders, "--allow-missing", "--json", folders / "new" / "er" / "x.json").exit_code == 0


def test_missing_weights_are_said_before_a_file_is_read(folders, empty_home):
    (folders / "target" / "clip0" / "0.png").write_bytes(b"x")
    result = bench_score(folders, protocol="std-v1")
    assert result.exit_code == 2 and "bench weights fetch alexnet vgg16 inception_v3_fid" in result.output
    assert "Did you mean 'std-v1'" in bench_score(folders, protocol="std-v2").output


def test_pairs_of_few_subfolders_have_no_interval_and_the_table_says_so(folders):
    record, result = scored(folders)
    assert record.metrics["psnr"].groups == 2 and record.metrics["psnr"].low is None
    assert "no interval: groups of pairs (subfolders): 2; 10 are needed" in result.output
