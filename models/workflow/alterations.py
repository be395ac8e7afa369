"""Pictures altered as scopes, recorders and codecs alter them: no look is learned by heart."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

ZOOM: Final = (0.85, 1.6)
"""How much larger things are shown; below 1 the rim is black, as around a round view."""
STRETCH: Final = 0.18
"""Spread of the logarithm of width against height: recorders rarely keep square pixels."""
KEPT: Final = 0.25
"""Share of a box that must stay in the picture for its instrument to be asked for."""


def photometric(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with another exposure, gamma, balance, softness and grain."""
    x = picture.astype(np.float32) / 255.0
    x = np.power(x, np.float32(math.exp(rng.normal(0.0, 0.22))))
    x = x * np.exp(rng.normal(0.0, [0.14, 0.09, 0.14])).astype(np.float32)
    gray = x.mean(axis=2, keepdims=True)
    x = gray + (x - gray) * np.float32(math.exp(rng.normal(0.0, 0.25)))
    if rng.random() < 0.3:  # a softer lens
        x[1:-1, 1:-1] = (
            x[1:-1, 1:-1] + x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
        ) / np.float32(5.0)
    grain = rng.standard_normal(x.shape, np.float32) * np.float32(rng.uniform(0.0, 0.025))
    altered: NDArray[np.uint8] = np.clip((x + grain) * 255.0, 0.0, 255.0).astype(np.uint8)
    return altered


def geometric(
    pictures: Tensor, mask: Tensor, tools: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures, masks and instruments, each picture mirrored, zoomed and shifted by chance.

    Args:
        pictures: (B, 3, H, W).
        mask: (B, h, w), int64.
        tools: (M, 8): picture, output, box (center first, fractions), verb, target.
        rng: Draws the changes.
    """
    count = len(pictures)
    zoom = np.exp(rng.uniform(math.log(ZOOM[0]), math.log(ZOOM[1]), count))
    stretch = np.exp(rng.normal(0.0, STRETCH / 2, count))
    # output x in -1…1 looks at input x * size + shift
    size = np.stack([stretch / zoom, 1.0 / (stretch * zoom)], axis=1)
    room = np.abs(1.0 - size)
    shift = rng.uniform(-1.0, 1.0, (count, 2)) * room
    size[:, 0] *= np.where(rng.random(count) < 0.5, -1.0, 1.0)
    theta = np.zeros((count, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1] = size[:, 0], size[:, 1]
    theta[:, :, 2] = shift
    moves = torch.from_numpy(theta)
    seen = functional.grid_sample(
        pictures,
        functional.affine_grid(moves, list(pictures.shape), align_corners=False),
        align_corners=False,
    )
    labels = mask[:, None].to(pictures.dtype)
    kept = functional.grid_sample(
        labels,
        functional.affine_grid(moves, list(labels.shape), align_corners=False),
        mode="nearest",
        align_corners=False,
    )
    return seen, kept[:, 0].round().long(), _boxes(tools, size, shift)


def _boxes(tools: Tensor, size: NDArray[np.float64], shift: NDArray[np.float64]) -> Tensor:
    if not len(tools):
        return tools
    rows = tools.clone()
    of = tools[:, 0].long()
    scale, offset = torch.from_numpy(size).float()[of], torch.from_numpy(shift).float()[of]
    low, high = tools[:, 2:4] - tools[:, 4:6] / 2, tools[:, 2:4] + tools[:, 4:6] / 2
    ends = torch.stack([(2 * edge - 1 - offset) / scale for edge in (low, high)])
    ends = (ends + 1) / 2
    whole = (ends[0] - ends[1]).abs().prod(dim=1)
    low, high = ends.amin(dim=0).clamp(0, 1), ends.amax(dim=0).clamp(0, 1)
    rows[:, 2:4], rows[:, 4:6] = (low + high) / 2, high - low
    seen = rows[:, 4] * rows[:, 5] / whole.clamp(min=1e-9)
    remains: Tensor = rows[seen > KEPT]
    return remains
