"""The cards of the built-in methods, apart from their networks so that `bench list` and `--plan` need no torch."""

from __future__ import annotations

from types import MappingProxyType

from methods.card import MethodCard
from mrnet.skeletons import MPII14

_OURS = "MIT (this re-implementation)"

MRNET = MethodCard(
    name="mrnet",
    title="MR-Net",
    summary="Pose, foreground and background encoders, one decoder, iterative refinement, RoI perceptual loss.",
    paper="Xu et al., Pose-Guided Person Image Synthesis in the Non-Iconic Views, IEEE TIP 2020",
    year=2020,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "composition": "paper",  # `paper` or `released`: docs/decisions.md
            "width": 32,  # channels of the first layers; the paper's 32
            "passes": 3,  # refinement passes
            "non_local": True,
            "two_path": True,  # pose-guided two-pathway encoder; false: one encoder over pose and person
            "lambda1": 0.5,  # weight of the perceptual loss, eq. 1
            "lambda2": 0.05,  # weight of the RoI perceptual loss, eq. 1
            "perceptual_network": "vgg19",
        }
    ),
    reduced=MappingProxyType({"width": 2, "passes": 2, "perceptual_network": "vgg16"}),
    weight_parameters=("perceptual_network",),
    needs_masks=True,
    size_multiple=16,
    min_size_px=32,
)

PG2 = MethodCard(
    name="pg2",
    title="PG²",
    summary="Two stages: a coarse image through a bottleneck, then a difference map that a discriminator sharpens.",
    paper="Ma et al., Pose Guided Person Image Generation, NIPS 2017",
    year=2017,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "variant": "market",  # `market` or `fashion`: skips of stage 2 and what the discriminator's batch holds
            "width": 128,  # channels of the first layers; the discriminator has half as many
            "stage1_steps": 22000,  # of the schedule's steps, those that train stage 1 alone
            "lambda_l1": 10.0,  # weight of the pose-mask L1 in stage 2; 50 for DeepFashion
            "flip": True,  # training pairs mirrored by the toss of a coin
        }
    ),
    reduced=MappingProxyType({"width": 4, "stage1_steps": 2}),
    halves_to_px=8,
    min_size_px=32,
)

PN_GAN = MethodCard(
    name="pn_gan",
    title="PN-GAN",
    summary="Residual generator on the reference and a drawn skeleton, unconditional patch discriminator.",
    paper="Qian et al., Pose-Normalized Image Generation for Person Re-identification, ECCV 2018",
    year=2018,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 64,  # channels of the first layers of generator and discriminator
            "blocks": 9,  # residual blocks
            "lambda_l1": 10.0,
            "roi_loss": "",  # VGG of the RoI perceptual loss (MR-Net, eq. 4 and Fig. 13); empty: without that loss
            "lambda_roi": 0.05,  # its weight
        }
    ),
    reduced=MappingProxyType({"width": 4, "blocks": 2}),
    weight_parameters=("roi_loss",),
    size_multiple=4,
    min_size_px=56,
)

DVG = MethodCard(
    name="dvg",
    title="DVG",
    summary="A U-Net over pose maps and the whole reference: the MR-Net authors' rendering of Cai et al., not the "
    "original.",
    paper="Cai et al., Deep Video Generation, Prediction and Completion of Human Action Sequences, ECCV 2018, as "
    "rendered by Xu et al., IEEE TIP 2020",
    year=2018,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 32,  # channels of the first layers
            "lambda1": 5.0,  # weight of the perceptual loss
            "perceptual_network": "vgg19",
        }
    ),
    reduced=MappingProxyType({"width": 2, "perceptual_network": "vgg16"}),
    weight_parameters=("perceptual_network",),
    size_multiple=16,
    min_size_px=32,
)

PATN = MethodCard(
    name="patn",
    title="PATN",
    summary="Pose-attentional transfer blocks, a discriminator for pose and one for appearance.",
    paper="Zhu et al., Progressive Pose Attention Transfer for Person Image Generation, CVPR 2019",
    year=2019,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 64,  # channels of the first layers of generator and discriminators
            "blocks": 9,  # pose-attentional transfer blocks
            "norm": "batch",  # `batch` (Market) or `instance` (DeepFashion)
            "maps": "gaussian",  # `gaussian` (Market) or `pixel` (what the DeepFashion release feeds)
            "gan_loss": "cross_entropy",  # `cross_entropy` (Market) or `least_squares` (DeepFashion)
            "lambda_l1": 10.0,
            "lambda_perceptual": 10.0,
            "lambda_gan": 5.0,
            "pool": 50,  # generated images that the discriminators see again; 0: none
            "perceptual_network": "vgg19",
        }
    ),
    reduced=MappingProxyType({"width": 4, "blocks": 2, "pool": 4, "perceptual_network": "vgg16"}),
    weight_parameters=("perceptual_network",),
    size_multiple=4,
    min_size_px=32,
)

GUIDED_PIX2PIX = MethodCard(
    name="guided_pix2pix",
    title="Guided-Pix2Pix",
    summary="Bi-directional feature transformation between image and pose branch, patch discriminator.",
    paper="AlBahar and Huang, Guided Image-to-Image Translation with Bi-Directional Feature Transformation, ICCV 2019",
    year=2019,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 64,  # channels of the first layers of generator and discriminator
            "blocks": 9,  # residual blocks
            "lambda_l1": 100.0,
            "flip": True,  # training pairs mirrored by the toss of a coin, left joints staying left
        }
    ),
    reduced=MappingProxyType({"width": 4, "blocks": 2}),
    size_multiple=8,
    min_size_px=32,
)

TELEA = MethodCard(
    name="telea",
    title="Telea",
    summary="The reference with the person's box inpainted by OpenCV: the scene without the person.",
    paper="Telea, An Image Inpainting Technique Based on the Fast Marching Method, J. Graphics Tools 2004",
    year=2004,
    licence="Apache-2.0 (OpenCV)",
    version=1,
    learns=False,
    scene_only=True,
)

DEEPFILL = MethodCard(
    name="deepfill",
    title="DeepFill",
    summary="The reference with the person's box inpainted, coarse to fine with contextual attention: the scene "
    "without the person. Version 1.",
    paper="Yu et al., Generative Image Inpainting with Contextual Attention, CVPR 2018",
    year=2018,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 32,  # channels of the first layers; the critics have twice as many
            "critic_turns": 5,  # turns of the critics before each of the painter
        }
    ),
    reduced=MappingProxyType({"width": 4, "critic_turns": 2}),
    size_multiple=8,
    min_size_px=32,
    scene_only=True,
)

POSEWARP = MethodCard(
    name="posewarp",
    title="PoseWarp",
    summary="Limbs cut out by learned masks, moved by similarities and painted together, before a painted background. "
    "14 joints; a neck is made of the shoulders where the dataset has none.",
    paper="Balakrishnan et al., Synthesizing Images of Humans in Unseen Poses, CVPR 2018",
    year=2018,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 128,  # channels of the U-Nets below full size; the discriminator starts with half as many
            "gan_steps": 5000,  # the last of the schedule's steps, those with the discriminator
            "warm_up_steps": 5,  # the first of these, in which the discriminator learns alone
            "lambda_gan": 0.1,
            "augment": True,  # training pairs mirrored, scaled, shifted, turned and dimmed as released
            "perceptual_network": "vgg19",  # `vgg16` has other layers: docs/methods/posewarp.md
        }
    ),
    reduced=MappingProxyType({"width": 4, "gan_steps": 3, "warm_up_steps": 1, "perceptual_network": "vgg16"}),
    weight_parameters=("perceptual_network",),
    remarks=MappingProxyType(
        {
            "perceptual_network": {
                "vgg16": "PoseWarp's loss on VGG-16's relu1_1, 1_2, 2_1, 2_2, 3_1 to 3_3, 4_1 to 4_3 in place of "
                "VGG-19's relu1_1 to 4_4, with deviations measured anew on them"
            }
        }
    ),
    size_multiple=32,
    min_size_px=64,  # its smallest map has two pixels a side, which doubling needs
    needs_joints=MPII14.joints,
)

BODYROI7 = MethodCard(
    name="bodyroi7",
    title="BodyROI7",
    summary="Codes of seven body regions and of the background, and a pose, put together to an image. The release's "
    "networks that sample appearance and pose are left out: synthesis does without them.",
    paper="Ma et al., Disentangled Person Image Generation, CVPR 2018",
    year=2018,
    licence=_OURS,
    version=1,
    parameters=MappingProxyType(
        {
            "width": 128,  # channels of the first layers; numbers of the background's code
            "lambda_l1": 20.0,
        }
    ),
    reduced=MappingProxyType({"width": 4}),
    halves_to_px=8,
    min_size_px=32,
    needs_joints=MPII14.joints[2:],  # shoulders down to wrists and ankles: without them regions do not exist
)

COMMAND = MethodCard(
    name="command",
    title="Foreign program",
    summary="A program of yours in its own Python, conda or container, run once for all pairs: "
    "docs/foreign-programs.md.",
    paper="",
    year=2026,
    licence="the program's own",
    version=1,
    learns=False,
    parameters=MappingProxyType(
        {
            "program": [],  # its argument list, a text a word; needed. {in} and {out} become the exchange folders
            "title": "",  # the row's name in reports
            "version": "",  # any text: what the argument list does not tell (weights, commit, container), so a new row
            "time_limit_s": 86400.0,  # for all pairs together
            "log_mb": 10.0,  # how much of its output the log keeps
        }
    ),
    program_parameter="program",
    unkeyed=("time_limit_s", "log_mb"),
)
