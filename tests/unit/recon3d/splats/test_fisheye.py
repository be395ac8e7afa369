"""The fisheye: against autograd, against brute force, its limits, and a capsule's own lens."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from torch import Tensor

from videoengine.errors import UsageError
from videoengine.recon3d.splats import (
    Fisheye,
    Gaussians,
    Lamp,
    Pictures,
    RasterOptions,
    SplatCamera,
    rasterize,
)
from videoengine.recon3d.splats.reference import seen_by_fisheye

pytestmark = pytest.mark.torch

TOLERANCES: Final = {
    "picture, float64": 1e-12,  # the order of sums differs
    "gradient, float64": 1e-9,  # relative, by norm: what issue 7 asks
    "picture, float32": 2e-5,  # a decision at the edge of a splat may fall otherwise
    "gradient, float32": 1e-4,
}
ALL: Final = RasterOptions(normals=True, median=True)
CAPSULE: Final = Fisheye(-0.03871, 0.35498, -0.22001, 0.01404)
"""OpenCV 4's fisheye.calibrate on the ten chessboards of shared/data/capsule_calibration (MiroCam,
EndoSLAM, 320x320): 0.69 px RMS, f 129.7 and 129.5 px."""
CAMERA: Final = SplatCamera(41, 39, 16.6, 16.5, 20.7, 19.1, fisheye=CAPSULE)
LENSES: Final = {
    "capsule": CAPSULE,
    "equidistant": Fisheye(),
    "folding": Fisheye(-0.3),
    "strong": Fisheye(0.2, 0.1, -0.05, 0.01),
}


def made(count: int, *, degree: int = 0, seed: int = 1, dtype: Any = torch.float64) -> Gaussians:
    """Return Gaussians all about the axis, some behind, some beyond the lens, some faint."""
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    means = torch.stack([2 * normal(count), 2 * normal(count), 1 + normal(count)], dim=1)
    harmonics = normal(count, (degree + 1) ** 2, 3) * 0.4
    tensors = (means, normal(count, 4), normal(count, 3) * 0.7 - 1.7, 2 * normal(count), harmonics)
    return Gaussians(*(t.to(dtype) for t in tensors))


def pose_of(dtype: Any = torch.float64) -> Tensor:
    c, s = math.cos(0.2), math.sin(0.2)
    return torch.tensor([[c, 0, s, 0.1], [0, 1, 0, -0.05], [-s, 0, c, 0.2]], dtype=dtype)


def drawn_back(
    scene: Gaussians, camera: SplatCamera, pose: Tensor, options: RasterOptions
) -> tuple[Pictures, list[Tensor]]:
    """Return pictures and the gradients of a random weighting of them."""
    leaves = scene.map(lambda t: t.detach().clone().requires_grad_())
    pose = pose.detach().clone().requires_grad_()
    pictures = rasterize(leaves, camera, pose, options=options)
    draws = torch.Generator().manual_seed(7)
    loss = torch.zeros((), dtype=pose.dtype)
    for picture in (pictures.color, pictures.depth, pictures.alpha, pictures.normal):
        weights = torch.randn(picture.shape, generator=draws, dtype=torch.float64)
        loss = loss + (picture * weights.to(pose.dtype)).sum()
    back = list(torch.autograd.grad(loss, [*leaves.tensors, pose]))
    names = ("color", "depth", "alpha", "normal", "median")
    return Pictures(*(getattr(pictures, name).detach() for name in names)), back


def off(found: Tensor, wanted: Tensor) -> float:
    """Return the relative difference by norm."""
    return float((found.double() - wanted).norm() / wanted.norm().clamp(min=1e-300))


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize(("degree", "lamp"), [(0, None), (2, Lamp(2.0, 1.5))])
def test_pictures_and_gradients_are_those_of_plain_torch(
    lens: str, degree: int, lamp: Lamp | None
) -> None:
    camera = replace(CAMERA, lamp=lamp, fisheye=LENSES[lens])
    scene = made(60, degree=degree, seed=degree + 1)
    found, back = drawn_back(scene, camera, pose_of(), ALL)
    wanted, right = drawn_back(scene, camera, pose_of(), replace(ALL, backend="reference"))
    assert float(wanted.alpha.mean()) > 0.05
    for name in ("color", "depth", "alpha", "normal", "median"):
        difference = (getattr(found, name) - getattr(wanted, name)).abs().max()
        assert float(difference) <= TOLERANCES["picture, float64"], name
    for one, other in zip(back, right, strict=True):
        assert off(one, other) <= TOLERANCES["gradient, float64"]


@pytest.mark.parametrize("slope", [0.0, 1e-4, 0.1, 0.22, 0.224, 0.49, 0.51, 0.99, 1.01, 30.0])
def test_one_splat_at_any_angle_has_the_gradient_of_plain_torch(slope: float) -> None:
    # plain torch itself loses digits close to the axis, so the least slope but 0 is 1e-4
    camera = replace(CAMERA, fx=8.0, fy=8.0, fisheye=Fisheye(0.08, 0.02, 0.01, 0.002))
    scene = made(1, seed=3)
    pose = torch.eye(4, dtype=torch.float64)[:3]
    z = 0.5
    scene.means[0] = torch.tensor([0.6 * slope * z, 0.8 * slope * z, z], dtype=torch.float64)
    scene.logits[0] = 3.0
    scene.log_scales[0] = torch.tensor([-1.0, -2.0, -1.5], dtype=torch.float64)
    _, back = drawn_back(scene, camera, pose, ALL)
    _, right = drawn_back(scene, camera, pose, replace(ALL, backend="reference"))
    assert float(right[0].norm()) > 0
    for one, other in zip(back, right, strict=True):
        assert off(one, other) <= TOLERANCES["gradient, float64"]


@pytest.mark.parametrize("seed", range(3))
def test_floats_stay_near_doubles(seed: int) -> None:
    scene = made(300, degree=1, seed=seed)
    wanted, right = drawn_back(scene, CAMERA, pose_of(), ALL)
    single, pose = scene.map(Tensor.float), pose_of(torch.float32)
    found, back = drawn_back(single, CAMERA, pose, ALL)
    assert float((found.color - wanted.color).abs().max()) <= TOLERANCES["picture, float32"]
    for one, other in zip(back, right, strict=True):
        assert off(one, other) <= TOLERANCES["gradient, float32"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [(64, 48), (33, 17), (1, 1), (5, 70)])
def test_culling_changes_no_bit(seed: int, size: tuple[int, int]) -> None:
    camera = SplatCamera(*size, 20.0, 20.0, size[0] / 2, size[1] / 2, fisheye=CAPSULE)
    scene = made(200, seed=seed, dtype=torch.float32)
    scene.log_scales[::5] = torch.tensor([1.5, -6.0, -6.0])  # needles
    scene.log_scales[1::5] = 1.0
    scene.means[2::5, 2] = 0.012
    culled, back = drawn_back(scene, camera, pose_of(torch.float32), ALL)
    every, right = drawn_back(scene, camera, pose_of(torch.float32), replace(ALL, cull=False))
    for name in ("color", "depth", "alpha", "normal", "median"):
        assert torch.equal(getattr(culled, name), getattr(every, name)), name
    assert all(torch.equal(a, b) for a, b in zip(back, right, strict=True))


def test_a_speck_lies_where_the_lens_shows_its_point() -> None:
    angle, turn = 1.1, 0.4
    way = [math.sin(angle) * math.cos(turn), math.sin(angle) * math.sin(turn), math.cos(angle)]
    t = angle
    drawn = t * (1 - 0.03871 * t**2 + 0.35498 * t**4 - 0.22001 * t**6 + 0.01404 * t**8)
    x, y = (20.7 + 16.6 * drawn * math.cos(turn), 19.1 + 16.5 * drawn * math.sin(turn))
    ones = torch.ones(1, 3, dtype=torch.float64)
    scene = Gaussians.of(
        3 * torch.tensor([way], dtype=torch.float64),
        torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64),
        1e-3 * ones,
        torch.tensor([0.9], dtype=torch.float64),
        ones,
    )
    alpha = rasterize(scene, CAMERA, torch.eye(4, dtype=torch.float64)[:3]).alpha
    rows, columns = torch.meshgrid(torch.arange(39.0), torch.arange(41.0), indexing="ij")
    blur = 0.3  # px^2: a speck is as large as a pixel's own extent
    wanted = 0.9 * torch.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / blur)
    peak = int(alpha.argmax())
    assert (peak % 41, peak // 41) == (round(x), round(y))
    assert float(alpha.max()) == pytest.approx(float(wanted.max()), rel=2e-3)  # its own 1e-3


def test_what_lies_beyond_the_lens_is_not_drawn() -> None:
    lens = Fisheye(-0.3)
    assert lens.largest_angle_rad == pytest.approx(math.sqrt(1 / 0.9))
    assert Fisheye().largest_angle_rad == math.pi / 2
    beyond = math.tan(lens.largest_angle_rad) * 1.01
    scene = made(2, seed=5)
    scene.logits[:] = 4.0
    scene.means[:] = torch.tensor([[beyond, 0.0, 1.0], [0.0, beyond / 1.03, 1.0]])
    pose = torch.eye(4, dtype=torch.float64)[:3]
    _, back = drawn_back(scene, replace(CAMERA, fisheye=lens), pose, ALL)
    assert float(back[0][0].abs().max()) == 0.0
    assert float(back[0][1].abs().max()) > 0.0


def test_near_the_axis_a_fisheye_is_a_pinhole() -> None:
    scene = made(30, seed=2)
    scene.means[:, :2] *= 1e-3
    scene.log_scales[:] -= 6.0
    camera = SplatCamera(21, 21, 900.0, 900.0, 10.0, 10.0, fisheye=Fisheye(1 / 3))
    pose = torch.eye(4, dtype=torch.float64)[:3]
    # t + t^3 / 3 is tan t to the fifth order
    one = rasterize(scene, camera, pose).color
    other = rasterize(scene, replace(camera, fisheye=None), pose).color
    assert float(other.max()) > 0.1
    assert float((one - other).abs().max()) < 1e-6


def test_the_reference_projects_as_opencv_documents_it() -> None:
    # x' = (theta_d / r) a with a = x / z, r = |(a, b)|: documentation of cv::fisheye
    points = torch.tensor([[0.3, -0.2, 1.0], [2.0, 1.0, 0.5]], dtype=torch.float64)
    found = seen_by_fisheye(CAPSULE, points)
    for point, (u, v) in zip(points.tolist(), found.tolist(), strict=True):
        a, b = point[0] / point[2], point[1] / point[2]
        r = math.hypot(a, b)
        t = math.atan(r)
        d = t - 0.03871 * t**3 + 0.35498 * t**5 - 0.22001 * t**7 + 0.01404 * t**9
        assert (u, v) == pytest.approx((a * d / r, b * d / r), rel=1e-12)


def test_a_fisheye_of_no_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="A fisheye has impossible numbers; got"):
        Fisheye(math.nan)
