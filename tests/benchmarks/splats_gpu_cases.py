"""What the GPU benchmark of splats draws: the scenes of recon3d.md section 7, from 8 cameras."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import torch
from splats import surface
from torch import Tensor

from videoengine.recon3d.splats import Gaussians, SplatCamera

VIEWS: Final = 8
"""Cameras that take turns, so that no arm draws one picture that the cache still holds."""


@dataclass(frozen=True, slots=True)
class Case:
    """A scene, cameras, and what a loss says of their pictures."""

    name: str
    scene: Gaussians
    camera: SplatCamera
    poses: Tensor
    """(8, 3, 4), camera_from_world."""
    to_color: Tensor
    """(H, W, 3): the fixed gradient of the color, normal."""
    to_depth: Tensor
    """(H, W)."""


def poses_of(reach: float) -> Tensor:
    """Return (8, 3, 4): small turns and shifts about the identity.

    Args:
        reach: Of the shifts, in units of the scene.
    """
    poses: list[Tensor] = []
    for view in range(VIEWS):
        phase = 2 * math.pi * view / VIEWS
        tilt, turn = 0.02 * math.cos(phase), 0.02 * math.sin(phase)
        across = torch.tensor(
            [
                [math.cos(turn), 0.0, math.sin(turn)],
                [0.0, 1.0, 0.0],
                [-math.sin(turn), 0.0, math.cos(turn)],
            ]
        )
        down = torch.tensor(
            [
                [1.0, 0.0, 0.0],
                [0.0, math.cos(tilt), -math.sin(tilt)],
                [0.0, math.sin(tilt), math.cos(tilt)],
            ]
        )
        shift = reach * torch.tensor(
            [[math.cos(phase)], [math.sin(phase)], [0.2 * math.sin(phase)]]
        )
        poses.append(torch.cat([down @ across, shift], dim=1))
    return torch.stack(poses)


def hot(count: int, width: int, height: int) -> tuple[Gaussians, SplatCamera]:
    """Return a surface of which a fifth of the Gaussians lies in a fiftieth of the picture."""
    scene, camera = surface(count, width, height)
    draws = torch.Generator().manual_seed(5)
    chosen = torch.rand(count, generator=draws) < 0.2
    scene.means[chosen, :2] *= math.sqrt(0.02)
    return scene, camera


def large(count: int, width: int, height: int) -> tuple[Gaussians, SplatCamera]:
    """Return a surface whose splats are four times as wide."""
    scene, camera = surface(count, width, height)
    return replace(scene, log_scales=scene.log_scales + math.log(4)), camera


def tube(count: int, width: int, height: int) -> tuple[Gaussians, SplatCamera]:
    """Return the wall of a tube seen along its axis, as in a colon: 25 mm wide, 150 mm deep."""
    draws = torch.Generator().manual_seed(6)
    camera = SplatCamera(width, height, 0.6 * width, 0.6 * width, width / 2, height / 2)
    around = 2 * torch.pi * torch.rand(count, generator=draws)
    along = 5.0 + 145.0 * torch.rand(count, generator=draws)
    radius = 25.0 + 2.0 * torch.sin(along / 9.0) + 0.2 * torch.randn(count, generator=draws)
    means = torch.stack([radius * around.cos(), radius * around.sin(), along], dim=1)
    spacing = math.sqrt(2 * math.pi * 25.0 * 145.0 / count)
    spread = 0.9 * spacing * torch.exp(0.5 * torch.randn(count, generator=draws))
    scales = torch.stack([0.1 * spread, spread, spread], dim=1)
    turns = torch.stack([(around / 2).cos(), *torch.zeros(2, count), (around / 2).sin()], dim=1)
    opacity = 0.02 + 0.97 * torch.rand(count, generator=draws)
    colors = torch.rand(count, 3, generator=draws)
    return Gaussians.of(means, turns, scales, opacity, colors), camera


Maker = Callable[[int, int, int], tuple[Gaussians, SplatCamera]]
CASES: Final[dict[str, tuple[Maker, int, int, int]]] = {
    "surface, 100k, 640x512": (surface, 100_000, 640, 512),
    "surface, 300k, 1280x1024": (surface, 300_000, 1280, 1024),
    "surface, 500k, 1920x1080": (surface, 500_000, 1920, 1080),
    "surface, 1M, 1280x1024": (surface, 1_000_000, 1280, 1024),
    "tube, 300k, 1280x1024": (tube, 300_000, 1280, 1024),
    "hot spot, 300k, 1280x1024": (hot, 300_000, 1280, 1024),
    "large splats, 100k, 1280x1024": (large, 100_000, 1280, 1024),
}
QUICK: Final[dict[str, tuple[Maker, int, int, int]]] = {
    "surface, 3k, 160x128": (surface, 3_000, 160, 128),
    "hot spot, 2k, 96x80": (hot, 2_000, 96, 80),
}
TRAINING: Final = (surface, 50_000, 640, 512)
"""The size of EndoNeRF's clips."""
GATE: Final = (surface, 20_000, 320, 256)
"""Small enough for float64 on the CPU."""
QUICK_GATE: Final = (surface, 2_000, 96, 80)


def case_of(name: str, plan: tuple[Maker, int, int, int], device: str) -> Case:
    """Return a case on a device."""
    maker, count, width, height = plan
    scene, camera = maker(count, width, height)
    draws = torch.Generator().manual_seed(7)
    to_color = torch.randn(height, width, 3, generator=draws)
    to_depth = torch.randn(height, width, generator=draws) / 60.0
    return Case(
        name,
        scene.map(lambda t: t.to(device)),
        camera,
        poses_of(0.5).to(device),
        to_color.to(device),
        to_depth.to(device),
    )
