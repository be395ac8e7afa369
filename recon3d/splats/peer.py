"""gsplat as another rasterizer of the same scene: an optional peer, on a CUDA device alone."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any, Final

import torch
from torch import Tensor

from videoengine.errors import ModelError, UsageError
from videoengine.recon3d.splats.camera import SplatCamera
from videoengine.recon3d.splats.gaussians import Gaussians
from videoengine.recon3d.splats.reference import Pictures, harmonics_basis
from videoengine.recon3d.splats.rules import Rules

REMEDY: Final = (
    "pip install gsplat, beside a CUDA build of torch and nvcc; or draw with backend='native'."
)
OWN_RULES: Final = ("alpha_min", "light_min", "margin")
"""What gsplat has compiled in, with the values of our defaults. Its alpha_max, not listed, depends
on its version: 0.999 in 1.5.3, 0.99 in 1.6."""


def render(
    gaussians: Gaussians,
    camera_from_world: Tensor,
    camera: SplatCamera,
    background: Tensor,
    rules: Rules,
) -> Pictures:
    """Rasterize by gsplat; normals and the median depth stay empty.

    Raises:
        ModelError: gsplat is not installed, or does not import.
        UsageError: Tensors that are not float32 on a CUDA device, a lens with coefficients, or
            rules that gsplat has compiled in.
    """
    gsplat = _package()
    _refuse_other_devices(gaussians.means)
    _refuse_what_it_lacks(camera, rules)
    last = camera_from_world.new_tensor([[0.0, 0.0, 0.0, 1.0]])
    # a pixel's center is whole here and at 1/2 there
    lens = [[camera.fx, 0.0, camera.cx + 0.5], [0.0, camera.fy, camera.cy + 0.5], [0.0, 0.0, 1.0]]
    drawn, alpha, _ = gsplat.rasterization(
        means=gaussians.means,
        quats=gaussians.quaternions,
        scales=gaussians.log_scales.exp(),
        opacities=torch.sigmoid(gaussians.logits),
        colors=_colors(gaussians, camera_from_world, camera),
        viewmats=torch.cat([camera_from_world, last])[None],
        Ks=camera_from_world.new_tensor(lens)[None],
        width=camera.width,
        height=camera.height,
        near_plane=rules.near,
        far_plane=rules.far,
        eps2d=rules.blur,
        packed=False,
        render_mode="RGB+ED",
        camera_model="pinhole" if camera.fisheye is None else "fisheye",
    )
    color = drawn[0, ..., :3] + (1 - alpha[0]) * background
    normal, median = color.new_empty(0, 0, 3), color.new_empty(0, 0)
    return Pictures(color, drawn[0, ..., 3], alpha[0, ..., 0], normal, median)


def _package() -> Any:
    if find_spec("gsplat") is None:
        raise ModelError("The backend gsplat needs gsplat", got="not installed", remedy=REMEDY)
    try:
        return importlib.import_module("gsplat")
    except (ImportError, RuntimeError, OSError) as error:
        raise ModelError("gsplat does not import", got=error, remedy=REMEDY) from error


def _refuse_other_devices(means: Tensor) -> None:
    if means.device.type != "cuda" or means.dtype != torch.float32:
        raise UsageError(
            "gsplat draws on CUDA alone",
            got=f"{means.dtype} on {means.device}",
            allowed="torch.float32 on cuda",
            remedy="backend='native' draws on the CPU.",
        )


def _refuse_what_it_lacks(camera: SplatCamera, rules: Rules) -> None:
    if camera.fisheye is not None and any(camera.fisheye.coefficients):
        raise UsageError(
            "gsplat's fisheye has no coefficients", got=camera.fisheye, allowed="Fisheye()"
        )
    for name in OWN_RULES:
        got, own = getattr(rules, name), getattr(Rules(), name)
        if got != own:
            raise UsageError(f"gsplat has its own {name}", got=got, allowed=own)


def _colors(gaussians: Gaussians, camera_from_world: Tensor, camera: SplatCamera) -> Tensor:
    """Return (N, 3), colors as they are seen: in one place for all degrees and the lamp."""
    turn, shift = camera_from_world[:, :3], camera_from_world[:, 3]
    p = gaussians.means @ turn.T + shift
    length = p.norm(dim=1, keepdim=True).clamp(min=1e-12)
    basis = harmonics_basis(p / length @ turn, gaussians.harmonics.shape[1])
    color = ((basis[:, :, None] * gaussians.harmonics).sum(1) + 0.5).clamp(min=0)
    if camera.lamp is None:
        return color
    # what lies behind is not drawn; its cosine must have a power all the same
    cosine = (p[:, 2:] / length).clamp(min=1e-6)
    light: Tensor = (camera.lamp.distance / length) ** 2 * cosine**camera.lamp.exponent
    return color * light
