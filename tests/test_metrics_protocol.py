"""Protocols: shipped files, their frozen hashes, metric keys, assets, errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import config
from harness.errors import UserError
from harness.metrics import EXTRACTORS, METRICS
from harness.metrics.protocol import load_protocol

# a constant that changes needs a new version of the protocol, never a new hash here
FROZEN = {
    "mrnet-2020": "8989dc05047f134f3cee7a1744f20c02cd824f26f581057e7c69cd20bfd84c3c",
    "mrnet-2020-stretched": "451629d80293543e12423c57e209ae233f3d866573f03e81e225892099e18bb5",
    "offline-v1": "60eb7ecf592be2a61c8d920abaa0164b9e7fd32c15b386b420c705b6d1c507bc",
    "patn-2019": "ccc93eb8e74776f880c3507b6770b7ae68b412d6c934510e20a0dab937911bae",
    "std-v1": "71df88e7d70e5ee9c1c468208229b2a2265e9c8416ac182b572881133dd9101f",
}


def test_shipped_protocols_are_frozen():
    assert {name: load_protocol(name).hash for name in config.names("protocols")} == FROZEN


def test_files_are_called_as_their_protocols():
    for name in config.names("protocols"):
        assert load_protocol(name).name == name


def test_every_constant_is_in_the_hash_and_prose_is_not():
    plain = load_protocol("offline-v1").hash
    changes = [
        "psnr.cap_db=90", "ssim.sigma=1.2", "ssim.data_range=1", "ssim.data_range=generated", "lpips.min_side_px=64",
        "sets.kernel.seed=1", "sets.kernel.subsets=50", "sets.score.splits=5", "sets.small_below=100", "version=9",
        "pairs=[psnr]", "sets=null", "sets.score.seed=null", "sets.population=pairs", "images.stretch=minmax",
        "sets.frechet.whole_batches_of=50", "sets.precision_recall.neighbours=5", "where_available=[id_target_dinov2]",
    ]  # fmt: skip
    hashes = {load_protocol("offline-v1", [change]).hash for change in changes}
    assert len(hashes | {plain}) == len(changes) + 1
    assert load_protocol("offline-v1", ["title=other words"]).hash == plain


def test_inceptions_names_are_inceptions_alone():
    offline, standard = load_protocol("offline-v1"), load_protocol("std-v1")
    stems = ("kd", "fd", "is", "precision", "recall")
    assert offline.sets.metric_keys == tuple(f"{stem}_efficientnet_lite0" for stem in stems)
    assert standard.sets.metric_keys == ("kid", "fid", "inception_score", "precision", "recall")
    left_out = {"name", "title", "sets", "where_available"}
    assert offline.model_dump(exclude=left_out) == standard.model_dump(exclude=left_out)


def test_every_key_of_a_protocol_is_a_known_metric():
    for name in config.names("protocols"):
        for key in load_protocol(name).metric_keys:
            assert METRICS[key].key == key
    assert METRICS["m_ssim"].label == "M-SSIM" and METRICS["m_ssim"].arrow == "↑"
    assert METRICS["box_lpips"].arrow == "↓" and METRICS["kid"].kind == "set"
    assert not METRICS["inception_score"].ranked


def test_assets_are_what_the_metrics_need():
    from_pypi = ["alexnet", "vgg16", "efficientnet_lite0", "blazepose"]
    assert load_protocol("offline-v1").assets() == from_pypi
    assert load_protocol("std-v1").assets() == [*from_pypi, "inception_v3_fid"]
    assert load_protocol("mrnet-2020").assets() == ["alexnet", "inception_v3_fid", "inception_v3"]
    assert load_protocol("offline-v1", ["pairs=[psnr, ssim]", "sets=null"]).assets() == []
    from harness.assets import ASSETS, DEMO_ASSETS

    assert set(from_pypi) <= set(DEMO_ASSETS)
    named = {name for info in METRICS.values() for name in info.assets}
    assert {info.asset for info in EXTRACTORS.values()} | named <= set(ASSETS)


def test_what_a_pair_must_bring_depends_on_where_the_mask_comes_from():
    protocol = load_protocol("mrnet-2020")
    assert protocol.needs_of("m_ssim_script", "penn") == ("mask",)
    assert protocol.needs_of("m_ssim_script", "market") == ("joints",)
    assert protocol.needs_of("m_ssim_text", "market") == ("joints", "box")
    assert load_protocol("patn-2019").needs_of("m_ssim_script", "penn") == ("joints",)


def test_both_of_the_papers_masked_metrics_have_keys_of_their_own_and_stretching_is_said_in_the_name():
    plain, stretched = load_protocol("mrnet-2020"), load_protocol("mrnet-2020-stretched")
    assert {"m_ssim_script", "m_ssim_text"} <= set(plain.pairs) and "m_ssim" not in plain.pairs
    assert (plain.images.stretch, stretched.images.stretch) == ("none", "minmax")
    left_out = {"name", "title", "images"}
    assert plain.model_dump(exclude=left_out) == stretched.model_dump(exclude=left_out)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sets.frechet.extractor=inception", "unknown extractor"),
        ("psnr=null", "metric 'psnr' needs the section 'psnr'"),
        ("ssim.data_range=0", "a number above 0, or `generated`"),
        ("masked_ssim.masks={market: keypoint}", "`default` is missing"),
        ("masked_ssim={masks: {default: stored}, min_box_px: 5}", "greater than or equal to 11"),
        ("ssim.window=11", "unknown key 'ssim.window'"),
        ("pairs=[psrn]", "psrn"),
        ("lpips.net=squeeze", "lpips.net"),
    ],
)
def test_a_wrong_constant_is_named(override, message):
    with pytest.raises(UserError, match=message):
        load_protocol("offline-v1", [override])


def test_reading_a_protocol_imports_nothing_heavy():
    script = (
        "import sys; import harness.metrics, harness.metrics.scoring\n"
        "from harness.metrics.protocol import load_protocol; load_protocol('std-v1').assets()\n"
        "heavy = {'torch', 'pandas', 'skimage', 'lpips', 'torch_fidelity'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
