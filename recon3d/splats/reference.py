"""The rasterizer in plain torch: every Gaussian on every pixel, slow, differentiated by autograd.

It is written from the equations alone, shares no line with the native one, and is what that one is
tested against in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from videoengine.recon3d.splats.camera import Fisheye, SplatCamera
from videoengine.recon3d.splats.rules import LEAST_ALPHA, Rules

# Factors of real spherical harmonics with the Condon-Shortley phase.
_C0 = 0.28209479177387814
_C1 = 0.4886025119029199
_C2 = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
_C3 = (0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a rasterizer returns, H x W."""

    color: Tensor
    """(H, W, 3)."""
    depth: Tensor
    """(H, W), expected z."""
    alpha: Tensor
    """(H, W), 0 to 1."""
    normal: Tensor
    """(H, W, 3), in the camera, weighted by alpha."""
    median: Tensor
    """(H, W), z at which half of the light is left; 0 where that is never so."""


def harmonics_basis(direction: Tensor, bases: int) -> Tensor:
    """Return (N, bases) of directions (N, 3) of length 1."""
    x, y, z = direction.unbind(1)
    rows = [torch.full_like(x, _C0)]
    if bases > 1:
        rows += [-_C1 * y, _C1 * z, -_C1 * x]
    if bases > 4:
        a, b, c = _C2
        rows += [a * x * y, -a * y * z, b * (2 * z * z - x * x - y * y), -a * x * z]
        rows += [c * (x * x - y * y)]
    if bases > 9:
        a, b, c, d = _C3
        rows += [-a * y * (3 * x * x - y * y), b * x * y * z, -c * y * (4 * z * z - x * x - y * y)]
        rows += [d * z * (2 * z * z - 3 * x * x - 3 * y * y), -c * x * (4 * z * z - x * x - y * y)]
        rows += [b / 2 * z * (x * x - y * y), -a * x * (x * x - 3 * y * y)]
    return torch.stack(rows, dim=1)


def rotations(quaternions: Tensor) -> Tensor:
    """Return (N, 3, 3) of quaternions (N, 4), w first, of any length but 0."""
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def seen_by_fisheye(lens: Fisheye, points: Tensor) -> Tensor:
    """Return (N, 2), where a fisheye of focal length 1 shows points (N, 3) with z > 0."""
    x, y, z = points.unbind(-1)
    radius = (x * x + y * y).clamp(min=1e-24).sqrt()  # on the axis the direction does not matter
    angle = torch.atan2(radius, z)
    powers = torch.stack([angle ** (2 * i) for i in range(5)], dim=-1)
    factors = torch.tensor([1.0, *lens.coefficients], dtype=points.dtype)
    drawn = angle * (powers @ factors) / radius
    return torch.stack([x * drawn, y * drawn], dim=-1)


def lens_of(camera: SplatCamera, p: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Return centers (N, 2), px, of points p (N, 3) in the camera, and d center / d p (N, 2, 3)."""
    x, y, z = p.unbind(1)
    zero = torch.zeros_like(z)
    focal = torch.tensor([camera.fx, camera.fy], dtype=p.dtype)
    shift = torch.tensor([camera.cx, camera.cy], dtype=p.dtype)
    if camera.fisheye is not None:
        lens = partial(seen_by_fisheye, camera.fisheye)
        slopes = torch.vmap(torch.func.jacfwd(lens))(p) if len(p) else p.new_zeros(0, 2, 3)
        return lens(p) * focal + shift, slopes * focal[:, None]
    low, high = camera.slopes(margin)
    slope_x, slope_y = (x / z).clamp(low[0], high[0]), (y / z).clamp(low[1], high[1])
    rows = [camera.fx / z, zero, -camera.fx * slope_x / z]
    rows += [zero, camera.fy / z, -camera.fy * slope_y / z]
    center = torch.stack([x / z, y / z], dim=1) * focal + shift
    return center, torch.stack(rows, dim=1).reshape(-1, 2, 3)


@dataclass(frozen=True, slots=True)
class Projected:
    """M visible Gaussians in the picture, the nearest first."""

    center: Tensor
    """(M, 2), px."""
    conic: Tensor
    """(M, 2, 2): inverse covariance, 1/px^2."""
    opacity: Tensor
    depth: Tensor
    color: Tensor
    normal: Tensor


def project(
    parameters: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    camera_from_world: Tensor,
    camera: SplatCamera,
    rules: Rules,
) -> Projected:
    """Project Gaussians: recon3d.md section 2.0, Zwicker et al. 2001."""
    means, quaternions, log_scales, logits, harmonics = parameters
    turn, shift = camera_from_world[:, :3], camera_from_world[:, 3]
    p = means @ turn.T + shift
    opacity = torch.sigmoid(logits)
    seen = (p[:, 2] >= rules.near) & (p[:, 2] <= rules.far) & (opacity >= rules.alpha_min)
    if camera.fisheye is not None:
        seen &= (p[:, :2] / p[:, 2:]).square().sum(1) <= camera.fisheye.widest
    order = torch.nonzero(seen)[:, 0]
    order = order[torch.argsort(p[order, 2].detach(), stable=True)]
    p, opacity = p[order], opacity[order]
    axes = turn @ rotations(quaternions[order])
    scales = log_scales[order].exp()
    spread = axes * scales[:, None, :]
    covariance = spread @ spread.transpose(1, 2)
    center, jacobian = lens_of(camera, p, rules.margin)
    blur = rules.blur * torch.eye(2, dtype=p.dtype)
    flat = jacobian @ covariance @ jacobian.transpose(1, 2) + blur
    z = p[:, 2]
    length = p.norm(dim=1, keepdim=True)
    basis = harmonics_basis(p / length @ turn, harmonics.shape[1])
    color = ((basis[:, :, None] * harmonics[order]).sum(1) + 0.5).clamp(min=0)
    if camera.lamp is not None:
        cosine = z / length[:, 0]
        color = (
            color
            * ((camera.lamp.distance / length[:, 0]) ** 2 * cosine**camera.lamp.exponent)[:, None]
        )
    shortest = log_scales[order].argmin(dim=1)
    normal = axes[torch.arange(len(order)), :, shortest]
    normal = torch.where(((normal * p).sum(1) > 0)[:, None], -normal, normal)
    return Projected(center, torch.linalg.inv(flat), opacity, z, color, normal)


def render(
    parameters: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    camera_from_world: Tensor,
    camera: SplatCamera,
    background: Tensor,
    rules: Rules,
) -> Pictures:
    """Rasterize; memory grows with Gaussians times pixels."""
    seen = project(parameters, camera_from_world, camera, rules)
    rows = torch.arange(camera.height, dtype=background.dtype)
    columns = torch.arange(camera.width, dtype=background.dtype)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).reshape(-1, 2)
    away = grid[None] - seen.center[:, None]
    power = 0.5 * torch.einsum("mpi,mij,mpj->mp", away, seen.conic, away)
    alpha = (seen.opacity[:, None] * torch.exp(-power)).clamp(max=rules.alpha_max)
    alpha = torch.where(alpha >= rules.alpha_min, alpha, 0.0)
    light = torch.ones(len(grid), dtype=background.dtype)
    live = torch.ones(len(grid), dtype=torch.bool)
    median = torch.zeros_like(light)
    weights: list[Tensor] = []
    for own, depth in zip(alpha, seen.depth, strict=True):
        following = light * (1 - own)
        live = live & (following > rules.light_min)
        weights.append(torch.where(live, own * light, 0.0))
        crossed = live & (light > 0.5) & (following <= 0.5)
        median = torch.where(crossed, depth.detach(), median)
        light = torch.where(live, following, light)
    weight = torch.stack(weights) if weights else alpha
    color = weight.T @ seen.color + light[:, None] * background
    covered = 1 - light
    depth = weight.T @ seen.depth / covered.clamp(min=LEAST_ALPHA)
    shape = (camera.height, camera.width)
    return Pictures(
        color.reshape(*shape, 3),
        depth.reshape(shape),
        covered.reshape(shape),
        (weight.T @ seen.normal).reshape(*shape, 3),
        median.reshape(shape),
    )
