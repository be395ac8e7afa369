"""Rasterizer, loss and Adam together: Gaussians that learn a scene from its pictures."""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from torch import Tensor

from videoengine.recon3d.splats import (
    AdamRates,
    Gaussians,
    LossWeights,
    Pictures,
    SplatAdam,
    SplatCamera,
    photometric_loss,
    rasterize,
)

pytestmark = pytest.mark.torch

CAMERA: Final = SplatCamera(40, 32, 40.0, 40.0, 19.5, 15.5)
RATES: Final = AdamRates(1e-2, 1e-2, 2e-2, 5e-2, 3e-2, 3e-3)


def plate(count: int, seed: int) -> Gaussians:
    """Return a plate of colored patches before the camera."""
    draws = torch.Generator().manual_seed(seed)
    side = round(math.sqrt(count))
    rows, columns = torch.meshgrid(*[torch.linspace(-1, 1, side)] * 2, indexing="ij")
    depth = 2.5 + 0.3 * torch.sin(3 * rows + 2 * columns)
    means = torch.stack([1.3 * columns, rows, depth], dim=-1).reshape(-1, 3)
    colors = 0.5 + 0.4 * torch.sin(4 * means @ torch.tensor([[1.0, 2, 3], [3, 1, 2], [0, 0, 0]]))
    scales = torch.full((count, 3), 0.13)
    turns = torch.randn(count, 4, generator=draws)
    return Gaussians.of(means, turns, scales, torch.full((count,), 0.8), colors)


def poses() -> list[Tensor]:
    out = []
    for angle in (-0.2, 0.0, 0.2):
        c, s = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        center = torch.tensor([0.0, 0.0, 2.5])
        out.append(torch.cat([turn, (center - turn @ center)[:, None]], dim=1))
    return out


def psnr(one: Pictures, other: Pictures) -> float:
    return -10 * math.log10(float((one.color - other.color).square().mean()))


def test_gaussians_learn_a_scene_from_its_pictures() -> None:
    truth = plate(144, seed=1)
    seen = [rasterize(truth, CAMERA, pose) for pose in poses()]
    draws = torch.Generator().manual_seed(2)

    def moved(tensor: Tensor) -> Tensor:
        return (tensor + 0.08 * torch.randn(tensor.shape, generator=draws)).requires_grad_()

    scene = truth.map(moved)
    adam = SplatAdam(scene, RATES)
    mask = torch.ones(32, 40, dtype=torch.bool)
    mask[10:16, 5:12] = False  # an instrument stands in front
    weights = LossWeights(depth=0.2)

    def quality() -> float:
        return min(
            psnr(rasterize(scene.map(Tensor.detach), CAMERA, pose), picture)
            for pose, picture in zip(poses(), seen, strict=True)
        )

    before, losses = quality(), []
    for step in range(150):
        pose, picture = poses()[step % 3], seen[step % 3]
        drawn = rasterize(scene, CAMERA, pose)
        loss = photometric_loss(
            drawn.color, picture.color, mask=mask, depth=drawn.depth,
            target_depth=picture.depth, weights=weights,
        )  # fmt: skip
        for tensor in scene.tensors:
            tensor.grad = None
        loss.total.backward()
        adam.step()
        losses.append(float(loss.total.detach()))
    assert sum(losses[-9:]) < 0.35 * sum(losses[:9])
    assert quality() > before + 5.0  # dB


def test_gradients_of_the_whole_chain_are_those_of_plain_torch() -> None:
    # the loss reaches the scene through our two operators as through differences of the loss
    scene = plate(49, seed=3).map(lambda t: t.double().requires_grad_())
    truth = rasterize(plate(49, seed=4).map(Tensor.double), CAMERA, poses()[0].double())
    target, target_depth = truth.color.detach(), truth.depth.detach()

    def total(*tensors: Any) -> Tensor:
        drawn = rasterize(Gaussians(*tensors), CAMERA, poses()[1].double())
        return photometric_loss(
            drawn.color, target, depth=drawn.depth, target_depth=target_depth
        ).total

    back = torch.autograd.grad(total(*scene.tensors), scene.tensors)
    draws = torch.Generator().manual_seed(5)
    for i in range(5):
        way = torch.randn(scene.tensors[i].shape, generator=draws, dtype=torch.float64)
        step = 1e-6
        sides = []
        for sign in (-1, 1):
            changed = [t.detach() for t in scene.tensors]
            changed[i] = changed[i] + sign * step * way
            sides.append(float(total(*changed)))
        slope = (sides[1] - sides[0]) / (2 * step)
        # an L1 has corners and a splat an edge: a few pixels of 1,280 may cross one in a step
        assert float((back[i] * way).sum()) == pytest.approx(slope, rel=2e-3, abs=1e-6)
