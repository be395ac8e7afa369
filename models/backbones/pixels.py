"""Frames to network input: resize, crop, channel order, normalization, in that order."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.errors import UsageError
from videoengine.models.backbones.preprocessing import Preprocessing


def check_frames(frames: NDArray[Any], dimensions: str) -> None:
    """Refuse anything but uint8 RGB frames with the dimensions named, e.g. "B H W 3"."""
    letters = dimensions.split()
    if (
        frames.dtype != np.uint8
        or frames.ndim != len(letters)
        or frames.shape[-1] != 3
        or 0 in frames.shape
    ):
        raise UsageError(
            "A backbone takes frames as uint8, RGB",
            got=f"{frames.dtype} {frames.shape}",
            allowed=f"uint8 ({', '.join(letters)})",
        )


def prepare(frames: NDArray[np.uint8], how: Preprocessing, device: str = "cpu") -> Tensor:
    """Return what the network takes.

    The resize rounds to whole levels, as Pillow does: published pipelines resize bytes.

    Args:
        frames: uint8 (B, H, W, 3), RGB.
        how: The published preprocessing.
        device: Where the result lies, and the work is done.

    Returns:
        float32 (B, 3, h, w), in the network's channel order.
    """
    check_frames(frames, "B H W 3")
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
    pixels = pixels.permute(0, 3, 1, 2).float()
    height, width = _resized(pixels.shape[2], pixels.shape[3], how)
    if (height, width) != tuple(pixels.shape[2:]):
        pixels = functional.interpolate(
            pixels, (height, width), mode=how.interpolation, antialias=True, align_corners=False
        )
        pixels = pixels.round_().clamp_(0, 255)
    if how.crop is not None:
        pixels = _center_crop(pixels, *how.crop)
    if how.channel_order == "bgr":
        pixels = pixels.flip(1)
    mean = torch.tensor(how.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(how.std, device=device).view(1, 3, 1, 1)
    return (pixels / 255 - mean) / std


def _resized(height: int, width: int, how: Preprocessing) -> tuple[int, int]:
    """Return (height, width) after the resize."""
    if how.resize == "stretch":
        return how.size[1], how.size[0]
    if how.resize == "none":
        return height, width
    side = how.size[0]
    if width <= height:
        return int(side * height / width), side
    return side, int(side * width / height)


def _center_crop(pixels: Tensor, width: int, height: int) -> Tensor:
    """Cut the middle out, black where the picture is too small."""
    right = max(0, width - pixels.shape[3])
    below = max(0, height - pixels.shape[2])
    if right or below:
        pixels = functional.pad(
            pixels, (right // 2, right - right // 2, below // 2, below - below // 2)
        )
    top = round((pixels.shape[2] - height) / 2)
    left = round((pixels.shape[3] - width) / 2)
    return pixels[:, :, top : top + height, left : left + width]
