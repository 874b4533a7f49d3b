"""MR-Net's losses, eqs. (1)-(4) of Xu et al., IEEE TIP 2020, section III.B; one class an equation.

The paper's sums over pixels, layers and images are means over elements, layers and passes here, so that λ1 and λ2 keep
their meaning across sizes. Constructor arguments turn each class into what the authors' release computes;
`MRNetLoss.released` sets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import roi_pool

from mrnet.perceptual import PAPER_TAPS, RELEASED_PERCEPTUAL_TAPS, RELEASED_ROI_TAPS, PerceptualNetwork

PAPER_LAMBDA1 = 0.5
PAPER_LAMBDA2 = 0.05
ROI_SIZES = (30, 30, 15, 7, 4)

Features = Mapping[str, Tensor]


def box_masks(boxes_px: Tensor, size_px: tuple[int, int]) -> Tensor:
    """M of eq. (2): (B, 1, H, W) float32, 1 inside the box. boxes_px: (B, 4) xyxy, 0-based, end-exclusive."""
    height, width = size_px
    rows = torch.arange(height, device=boxes_px.device)[:, None]
    columns = torch.arange(width, device=boxes_px.device)
    x1, y1, x2, y2 = boxes_px[:, :, None, None].unbind(dim=1)  # (B, 1, 1) each
    inside = (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)  # (B, H, W)
    return inside[:, None].float()


class WeightedReconstructionLoss(nn.Module):
    """Eq. (2): mean of (Î - I)² + |Î - I| · (M_r + M_t), with M the person boxes of reference and target.

    released: the plain mean of |Î - I|, which is what the release computes.
    """

    def __init__(self, released: bool = False):
        super().__init__()
        self.released = released

    def forward(self, image: Tensor, target: Tensor, reference_box: Tensor, target_box: Tensor) -> Tensor:
        """image: (K·B, 3, H, W), K passes one after the other; target: (B, 3, H, W), both in [-1, 1]; boxes: (B, 4)."""
        difference = image.unflatten(0, (-1, len(target))) - target  # (K, B, 3, H, W)
        if self.released:
            return difference.abs().mean()
        size_px = (target.shape[-2], target.shape[-1])
        weight = box_masks(reference_box, size_px) + box_masks(target_box, size_px)
        return (difference.square() + difference.abs() * weight).mean()


class PerceptualLoss(nn.Module):
    """Eq. (3): squared distance of Φ^l(Î) and Φ^l(I), mean over elements and over the layers l."""

    def __init__(self, layers: Sequence[str] = PAPER_TAPS):
        super().__init__()
        self.layers = tuple(layers)

    def forward(self, generated: Features, target: Features) -> Tensor:
        """generated: features of K·B images, K passes one after the other; target: features of their B targets."""
        return torch.stack([_mean_square(generated[name], target[name]) for name in self.layers]).mean()


class RoIPerceptualLoss(nn.Module):
    """Eq. (4): eq. (3) on features that RoI pooling took from the target person's box, sizes 30, 30, 15, 7, 4.

    transposed: exchange x and y of the box, as the release does.
    """

    def __init__(
        self,
        layers: Sequence[str] = PAPER_TAPS,
        sizes: Sequence[int] = ROI_SIZES,
        transposed: bool = False,
    ):
        super().__init__()
        if len(layers) != len(sizes):
            raise ValueError(f"one RoI size a layer: {len(layers)} layers, {len(sizes)} sizes")
        self.layers = tuple(layers)
        self.sizes = tuple(sizes)
        self.transposed = transposed

    def pool(self, features: Features, boxes_px: Tensor, height_px: int) -> dict[str, Tensor]:
        """φ(Φ^l(·)): (K·B, C, s, s) a layer. boxes_px: (B, 4) xyxy, end-exclusive, of the image of height height_px."""
        x1, y1, x2, y2 = boxes_px.unbind(dim=1)
        x2, y2 = x2 - 1, y2 - 1  # roi_pool counts the last pixel in
        corners = (y1, x1, y2, x2) if self.transposed else (x1, y1, x2, y2)
        pooled: dict[str, Tensor] = {}
        for name, size in zip(self.layers, self.sizes, strict=True):
            maps = features[name]
            rows = torch.stack(corners, dim=1).to(maps.dtype).repeat(len(maps) // len(boxes_px), 1)
            index = torch.arange(len(maps), device=maps.device, dtype=maps.dtype)[:, None]
            scale = maps.shape[-2] / height_px
            pooled[name] = roi_pool(maps, torch.cat((index, rows), dim=1), (size, size), scale)
        return pooled

    def forward(self, generated: Features, target: Features) -> Tensor:
        """Both as `pool` returned them."""
        return torch.stack([_mean_square(generated[name], target[name]) for name in self.layers]).mean()


def _mean_square(generated: Tensor, target: Tensor) -> Tensor:
    return (generated.unflatten(0, (-1, len(target))) - target).square().mean()


class MRNetLoss(nn.Module):
    """Eq. (1): L = L_rec + λ1 L_perc + λ2 L_roi, each a mean over the refinement passes.

    A term whose λ is 0 is not computed; with both 0 no perceptual network is needed.
    Target features are computed once a batch; the passes go through the perceptual network as one batch.
    Raises ValueError if a perceptual term is wanted without a network, or a network lacks a tap the terms use.
    """

    def __init__(
        self,
        network: PerceptualNetwork | None,
        lambda1: float = PAPER_LAMBDA1,
        lambda2: float = PAPER_LAMBDA2,
        reconstruction: WeightedReconstructionLoss | None = None,
        perceptual: PerceptualLoss | None = None,
        roi: RoIPerceptualLoss | None = None,
    ):
        super().__init__()
        self.network = network
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.reconstruction = reconstruction or WeightedReconstructionLoss()
        self.perceptual = perceptual or PerceptualLoss()
        self.roi = roi or RoIPerceptualLoss()
        if lambda1 or lambda2:
            if network is None:
                raise ValueError(
                    "the perceptual terms need a perceptual network; give one or set lambda1 = lambda2 = 0"
                )
            wanted = {*(self.perceptual.layers if lambda1 else ()), *(self.roi.layers if lambda2 else ())}
            missing = sorted(wanted - set(network.taps))
            if missing:
                raise ValueError(f"the perceptual network has taps {network.taps}; the losses also use {missing}")

    @classmethod
    def released(cls, state_dict: Mapping[str, Tensor], lambda1: float, lambda2: float) -> MRNetLoss:
        """The release's loss: plain L1; VGG-19 on the raw image, taps N_2; RoI before the ReLU, box transposed."""
        taps = (*RELEASED_PERCEPTUAL_TAPS, *RELEASED_ROI_TAPS)
        return cls(
            PerceptualNetwork("vgg19", state_dict, taps, normalise=False),
            lambda1,
            lambda2,
            WeightedReconstructionLoss(released=True),
            PerceptualLoss(RELEASED_PERCEPTUAL_TAPS),
            RoIPerceptualLoss(RELEASED_ROI_TAPS, transposed=True),
        )

    def forward(
        self, passes: Sequence[Tensor], target: Tensor, reference_box: Tensor, target_box: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and its terms (detached, unweighted, the total among them) by name.

        passes: K images (B, 3, H, W); target: (B, 3, H, W), all in [-1, 1].
        reference_box, target_box: (B, 4) xyxy, 0-based, end-exclusive, pixels, finite.
        """
        images = torch.cat(tuple(passes))  # (K·B, 3, H, W)
        total = self.reconstruction(images, target, reference_box, target_box)
        terms = {"reconstruction": total.detach()}
        if self.network is not None and (self.lambda1 or self.lambda2):
            generated = self.network(images)
            with torch.no_grad():
                wanted = self.network(target)
            if self.lambda1:
                term = self.perceptual(generated, wanted)
                total = total + self.lambda1 * term
                terms["perceptual"] = term.detach()
            if self.lambda2:
                height_px = target.shape[-2]
                with torch.no_grad():
                    wanted = self.roi.pool(wanted, target_box, height_px)
                term = self.roi(self.roi.pool(generated, target_box, height_px), wanted)
                total = total + self.lambda2 * term
                terms["roi"] = term.detach()
        terms["total"] = total.detach()
        return total, terms
