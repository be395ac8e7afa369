"""What other packages say of our files and projection, where they are installed: skipped elsewhere.

CI does not install them, so these tests carry no group that it requires.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
import numpy as np
from torch import Tensor

from videoengine.recon3d.splats import Fisheye, Gaussians, Rules, SplatCamera, write_gaussians
from videoengine.recon3d.splats.reference import harmonics_basis, project

TOLERANCES: Final = {
    "gsplat, pinhole": 1e-9,  # both in float64
    "gsplat, fisheye": 1e-5,  # it adds 1e-7 to radii and to squares, of points about 1 away
    "gsplat, harmonics": 1e-12,
}
CAMERA: Final = SplatCamera(64, 48, 50.0, 52.0, 30.1, 25.3)


def made(count: int, degree: int = 0) -> Gaussians:
    draws = torch.Generator().manual_seed(4)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    means = torch.stack([normal(count), normal(count), 2.5 + 0.5 * normal(count).tanh()], dim=1)
    harmonics = normal(count, (degree + 1) ** 2, 3)
    return Gaussians(means, normal(count, 4), normal(count, 3) - 3, normal(count) + 3, harmonics)


def test_plyfile_finds_the_same_numbers(tmp_path: Path) -> None:
    plyfile = pytest.importorskip("plyfile", reason="pip install plyfile: a second reader")
    scene, path = made(40, degree=3).map(Tensor.float), tmp_path / "scene.ply"
    write_gaussians(scene, path)
    vertex = plyfile.PlyData.read(path)["vertex"]
    assert len(vertex.properties) == 62
    for names, wanted in (
        (["x", "y", "z"], scene.means),
        ([f"rot_{i}" for i in range(4)], scene.quaternions),
        ([f"scale_{i}" for i in range(3)], scene.log_scales),
        (["opacity"], scene.logits[:, None]),
        ([f"f_dc_{i}" for i in range(3)], scene.harmonics[:, 0]),
        ([f"f_rest_{i}" for i in range(45)], scene.harmonics[:, 1:].transpose(1, 2).flatten(1)),
    ):
        assert np.array_equal(np.stack([vertex[name] for name in names], axis=1), wanted.numpy())


def in_torch() -> Any:
    """gsplat's own projection in plain torch, which needs no CUDA."""
    return pytest.importorskip(
        "gsplat.cuda._torch_impl", reason="pip install gsplat: an independent projection"
    )


@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_gsplat_projects_to_the_same_centers_and_conics(model: str) -> None:
    gsplat = in_torch()
    scene = made(200)
    camera = CAMERA if model == "pinhole" else replace(CAMERA, fisheye=Fisheye())
    turn = torch.linalg.qr(torch.eye(3) + 0.2 * torch.ones(3, 3).triu(1)).Q.double()
    turn = turn * torch.sign(turn.diagonal())  # towards the scene
    pose = torch.cat([turn, torch.tensor([[0.1], [-0.2], [0.3]])], dim=1)
    ours = project(scene.tensors, pose, camera, Rules())
    lens = [[50.0, 0.0, 30.6], [0.0, 52.0, 25.8], [0.0, 0.0, 1.0]]  # centers at 1/2
    spread, _ = gsplat._quat_scale_to_covar_preci(scene.quaternions, scene.log_scales.exp())
    _, centers, depths, conics, _ = gsplat._fully_fused_projection(
        scene.means,
        spread,
        torch.cat([pose, torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)])[None],
        torch.tensor(lens, dtype=torch.float64)[None],
        camera.width,
        camera.height,
        camera_model=model,
    )
    order = torch.argsort(depths[0])
    assert len(ours.depth) == len(scene)
    close = torch.testing.assert_close
    tolerance = TOLERANCES[f"gsplat, {model}"]
    close(ours.depth, depths[0][order], rtol=tolerance, atol=tolerance)
    close(ours.center + 0.5, centers[0][order], rtol=tolerance, atol=tolerance)
    flat = torch.stack([ours.conic[:, 0, 0], ours.conic[:, 0, 1], ours.conic[:, 1, 1]], dim=1)
    close(flat, conics[0][order], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("degree", range(4))
def test_gsplat_has_the_same_spherical_harmonics(degree: int) -> None:
    gsplat = in_torch()
    scene = made(100, degree)
    ways = scene.means / scene.means.norm(dim=1, keepdim=True)
    basis = harmonics_basis(ways, (degree + 1) ** 2)
    ours = (basis[:, :, None] * scene.harmonics).sum(1)
    theirs = gsplat._spherical_harmonics(degree, ways, scene.harmonics)
    assert float((ours - theirs).abs().max()) <= TOLERANCES["gsplat, harmonics"]


def test_gsplat_takes_what_we_give_it() -> None:
    gsplat = pytest.importorskip("gsplat", reason="pip install gsplat: a peer")
    names = ["means", "quats", "scales", "opacities", "colors", "viewmats", "Ks", "width", "height"]
    names += ["near_plane", "far_plane", "eps2d", "packed", "render_mode", "camera_model"]
    bound = inspect.signature(gsplat.rasterization).bind(**dict.fromkeys(names))
    assert set(bound.arguments) == set(names)
