"""The loss that peers train with in the GPU benchmark: the terms of ours, in plain torch."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

TAPS: Final = 11
SIGMA: Final = 1.5


def blurred(picture: Tensor) -> Tensor:
    """Return (1, C, H, W) averaged by the Gaussian window of Wang et al. 2004."""
    offsets = torch.arange(TAPS, device=picture.device) - TAPS // 2
    window = torch.exp(-(offsets.float() ** 2) / (2 * SIGMA**2))
    window = (window / window.sum()).to(picture.dtype)
    channels = picture.shape[1]
    across = window.reshape(1, 1, 1, TAPS).expand(channels, 1, 1, TAPS)
    once = torch.nn.functional.conv2d(picture, across, padding=(0, TAPS // 2), groups=channels)
    down = across.transpose(2, 3)
    return torch.nn.functional.conv2d(once, down, padding=(TAPS // 2, 0), groups=channels)


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Return (H, W, 3): SSIM at every pixel of pictures in 0 to 1."""
    a, b = (t.permute(2, 0, 1)[None] for t in (one, other))
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    bottom = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return (top / bottom)[0].permute(1, 2, 0)


def peer_loss(
    color: Tensor, target: Tensor, mask: Tensor, depth: Tensor | None, target_depth: Tensor
) -> Tensor:
    """Return 0.8 L1 + 0.2 (1 - SSIM) + 0.1 L1 of depths, over the mask."""
    seen = mask[..., None]
    count = 3 * seen.sum()
    l1 = ((color - target).abs() * seen).sum() / count
    loss = 0.8 * l1 + 0.2 * (1 - (ssim(color, target) * seen).sum() / count)
    if depth is not None:
        valid = mask & (target_depth > 0)
        loss = loss + 0.1 * ((depth - target_depth).abs() * valid).sum() / valid.sum()
    return loss
