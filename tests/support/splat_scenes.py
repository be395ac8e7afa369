"""Scenes of splats that tests draw, and the gradients of a random weighting of their pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from videoengine.recon3d.splats import (
    Gaussians,
    Pictures,
    RasterOptions,
    SplatCamera,
    rasterize,
)

PICTURES = ("color", "depth", "alpha", "normal", "median")


def plain(count: int, *, degree: int = 0, seed: int = 1) -> Gaussians:
    """Return float32 Gaussians before the camera; some are behind it, off the picture, or faint."""
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws)

    means = torch.stack([normal(count), normal(count), 2 + normal(count)], dim=1)
    return Gaussians(
        means,
        normal(count, 4),
        normal(count, 3) * 0.7 - 2.2,
        normal(count) * 2.0,
        normal(count, (degree + 1) ** 2, 3) * 0.4,
    )


def odd(count: int, seed: int) -> Gaussians:
    """Return needles, giants, specks, opacities about the least that is drawn, and near ones."""
    scene = plain(count, seed=seed)
    draws = torch.Generator().manual_seed(seed)
    pick = torch.randint(5, (count,), generator=draws)
    scene.log_scales[pick == 0] = torch.tensor([1.5, -6.0, -6.0])
    scene.log_scales[pick == 1] = 1.0
    scene.log_scales[pick == 2] = -9.0
    faint = torch.randn(int((pick == 3).sum()), generator=draws)
    scene.logits[pick == 3] = math.log(1 / 254) + 0.01 * faint
    scene.means[pick == 4, 2] = 0.012
    return scene


def needles(count: int, seed: int) -> Gaussians:
    """Return thin splats across the whole picture."""
    scene = plain(count, seed=seed)
    scene.log_scales[:] = torch.tensor([1.0, -4.0, -4.0])
    return scene


FAR_OFF = {
    "means": (0.0, 1e-30, 0.0101, -1e4, 1e9, 3e37),
    "quaternions": (1e-12, 1e6, -1e15),
    "log_scales": (-1e30, -90.0, 11.0, 16.0),
    "logits": (-1e30, -5.54, 17.0, 1e30),
    "harmonics": (-1e4, 1e12),
}
"""Numbers that are valid, and as far off as they may be."""


def far_off(count: int, seed: int) -> Gaussians:
    """Return Gaussians a tenth of whose numbers are as far off as they may be."""
    scene = plain(count, degree=seed % 4, seed=seed)
    draws = torch.Generator().manual_seed(1000 + seed)
    for name, values in FAR_OFF.items():
        tensor: Tensor = getattr(scene, name)
        where = torch.rand(tensor.shape, generator=draws) < 0.1
        picks = torch.randint(len(values), (int(where.sum()),), generator=draws)
        tensor[where] = torch.tensor(values)[picks]
    return scene


def pose_of(angle: float = 0.2) -> Tensor:
    """Return (3, 4), camera_from_world, float32."""
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, 0.0, s, 0.1], [0.0, 1.0, 0.0, -0.05], [-s, 0.0, c, 0.2]])


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures and gradients: of the scene's five tensors, pose, background, absolute slopes."""

    pictures: Pictures
    gradients: tuple[Tensor, ...]

    def to_cpu(self) -> Drawn:
        pictures = Pictures(*(getattr(self.pictures, name).cpu() for name in PICTURES))
        return Drawn(pictures, tuple(t.cpu() for t in self.gradients))


def weighed(pictures: Pictures, options: RasterOptions) -> Tensor:
    """Return a sum of pictures with weights that depend on shapes alone."""
    draws = torch.Generator().manual_seed(7)
    loss = torch.zeros_like(pictures.alpha.flatten()[0])
    for name in PICTURES[: 4 if options.normals else 3]:
        picture = getattr(pictures, name)
        weights = torch.randn(picture.shape, generator=draws, dtype=torch.float64)
        loss = loss + (picture * weights.to(picture)).sum()
    return loss


def drawn(
    scene: Gaussians, camera: SplatCamera, options: RasterOptions, *, device: str = "cpu"
) -> Drawn:
    """Draw a scene and differentiate a weighting that depends on shapes alone."""
    kind: Any = {"device": device, "dtype": scene.means.dtype}
    leaves = scene.map(lambda t: t.detach().to(**kind, copy=True).requires_grad_())
    pose = pose_of().to(**kind).requires_grad_()
    background = torch.tensor([0.2, 0.5, 0.1], **kind).requires_grad_()
    absolute = torch.zeros(len(scene), 2, **kind).requires_grad_()
    pictures = rasterize(
        leaves, camera, pose, background=background, absolute=absolute, options=options
    )
    loss = weighed(pictures, options)
    gradients = torch.autograd.grad(loss, [*leaves.tensors, pose, background, absolute])
    detached = Pictures(*(getattr(pictures, name).detach() for name in PICTURES))
    return Drawn(detached, gradients)


def off(found: Tensor, wanted: Tensor) -> float:
    """Return the relative difference by norm; 0 for nothing beside nothing."""
    least = 1e-300
    return float(
        (found.double() - wanted.double()).norm() / wanted.double().norm().clamp(min=least)
    )
