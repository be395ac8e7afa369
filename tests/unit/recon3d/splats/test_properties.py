"""What holds for any scene: symmetries, borders, needles, and gradients that are always numbers."""

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
    Rules,
    SplatCamera,
    rasterize,
)

pytestmark = pytest.mark.torch

TOLERANCES: Final = {
    "symmetry": 1e-10,
    "gradient of a symmetry": 1e-8,  # relative, by norm: of sums that cancel
    "gradient, float64": 1e-9,
}
ALL: Final = RasterOptions(normals=True, median=True)
CAMERA: Final = SplatCamera(37, 29, 30.0, 31.0, 17.3, 14.2)
LENSES: Final = {
    "pinhole": CAMERA,
    "fisheye": replace(CAMERA, fx=16.0, fy=16.0, fisheye=Fisheye(-0.03871, 0.35498, -0.22, 0.014)),
    "lamp": replace(CAMERA, lamp=Lamp(2.0, 1.5)),
}


def made(count: int, *, degree: int = 0, seed: int = 1, dtype: Any = torch.float64) -> Gaussians:
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    means = torch.stack([normal(count), normal(count), 2 + normal(count)], dim=1)
    harmonics = normal(count, (degree + 1) ** 2, 3) * 0.4
    tensors = (means, normal(count, 4), normal(count, 3) * 0.7 - 2.2, 2 * normal(count), harmonics)
    return Gaussians(*(t.to(dtype) for t in tensors))


def ahead(dtype: Any = torch.float64) -> Tensor:
    return torch.eye(4, dtype=dtype)[:3].contiguous()


def drawn_back(
    scene: Gaussians, camera: SplatCamera, pose: Tensor, options: RasterOptions = ALL
) -> tuple[Pictures, list[Tensor]]:
    """Return pictures, and gradients of the scene, the pose and the background."""
    leaves = scene.map(lambda t: t.detach().clone().requires_grad_())
    pose = pose.detach().clone().requires_grad_()
    background = torch.tensor([0.2, 0.5, 0.1], dtype=pose.dtype, requires_grad=True)
    pictures = rasterize(leaves, camera, pose, background=background, options=options)
    draws = torch.Generator().manual_seed(7)
    loss = torch.zeros((), dtype=pose.dtype)
    for picture in (pictures.color, pictures.depth, pictures.alpha, pictures.normal):
        weights = torch.randn(picture.shape, generator=draws, dtype=torch.float64)
        loss = loss + (picture * weights.to(pose.dtype)).sum()
    back = list(torch.autograd.grad(loss, [*leaves.tensors, pose, background]))
    names = ("color", "depth", "alpha", "normal", "median")
    return Pictures(*(getattr(pictures, name).detach() for name in names)), back


def away(one: Pictures, other: Pictures, *names: str) -> float:
    return max(float((getattr(one, n) - getattr(other, n)).abs().max()) for n in names)


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return quaternions a b, w first."""
    w, x, y, z = a.unbind(-1)
    e, f, g, h = b.unbind(-1)
    rows = (
        w * e - x * f - y * g - z * h,
        w * f + x * e + y * h - z * g,
        w * g - x * h + y * e + z * f,
        w * h + x * g - y * f + z * e,
    )
    return torch.stack(rows, dim=-1)


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("degree", range(4))
def test_the_order_of_gaussians_changes_no_bit_but_of_sums(lens: str, degree: int) -> None:
    scene = made(120, degree=degree, seed=degree)
    order = torch.randperm(120, generator=torch.Generator().manual_seed(1))
    one, back = drawn_back(scene, LENSES[lens], ahead())
    other, right = drawn_back(scene.map(lambda t: t[order]), LENSES[lens], ahead())
    for name in ("color", "depth", "alpha", "normal", "median"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    for gradient, permuted in zip(back[:5], right[:5], strict=True):
        assert torch.equal(gradient[order], permuted)
    for gradient, permuted in zip(back[5:], right[5:], strict=True):  # sums over all Gaussians
        assert float((gradient - permuted).norm() / gradient.norm()) <= 1e-13


@pytest.mark.parametrize("lens", LENSES)
def test_moving_world_and_camera_together_moves_gradients_along(lens: str) -> None:
    scene, pose = made(60, seed=4), ahead()
    half = 0.35
    turned = torch.tensor([math.cos(half), 0.0, math.sin(half), 0.0], dtype=torch.float64)
    c, s = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float64)
    shift = torch.tensor([0.4, -2.0, 1.0], dtype=torch.float64)
    moved = replace(
        scene, means=scene.means @ turn.T + shift, quaternions=product(turned, scene.quaternions)
    )
    there = torch.cat([turn.T, (-turn.T @ shift)[:, None]], dim=1)
    one, back = drawn_back(scene, LENSES[lens], pose)
    other, right = drawn_back(moved, LENSES[lens], there)
    names = ("color", "depth", "alpha", "normal", "median")
    assert away(one, other, *names) <= TOLERANCES["symmetry"]
    tolerance = TOLERANCES["gradient of a symmetry"]
    for found, wanted in (
        (right[0], back[0] @ turn.T),
        (right[1], product(turned, back[1])),
        (right[2], back[2]),
        (right[3], back[3]),
    ):
        assert float((found - wanted).norm() / wanted.norm()) <= tolerance
    # a shift of the camera is a shift of all means the other way
    assert float((back[5][:, 3] - back[0].sum(0)).norm() / back[5][:, 3].norm()) <= tolerance


def test_the_length_and_sign_of_a_quaternion_do_not_matter() -> None:
    scene = made(60, seed=3)
    other = replace(scene, quaternions=-3.7 * scene.quaternions)
    one, back = drawn_back(scene, CAMERA, ahead())
    two, right = drawn_back(other, CAMERA, ahead())
    names = ("color", "depth", "alpha", "normal", "median")
    assert away(one, two, *names) <= TOLERANCES["symmetry"]
    off = (back[1] + 3.7 * right[1]).norm() / back[1].norm()
    assert float(off) <= TOLERANCES["gradient of a symmetry"]
    along = (back[1] * scene.quaternions).sum(1).abs().max() / back[1].abs().max()
    assert float(along) <= TOLERANCES["gradient of a symmetry"]


@pytest.mark.parametrize("lens", ["pinhole", "fisheye"])
def test_scaling_the_scene_scales_depth_alone(lens: str) -> None:
    scene, rules = made(60, seed=6), Rules(near=0.02)
    large = replace(scene, means=4 * scene.means, log_scales=scene.log_scales + math.log(4))
    one, back = drawn_back(scene, LENSES[lens], ahead(), replace(ALL, rules=rules))
    other, _ = drawn_back(large, LENSES[lens], ahead(), replace(ALL, rules=Rules(near=0.08)))
    assert away(one, other, "color", "alpha", "normal") <= TOLERANCES["symmetry"]
    assert float((4 * one.depth - other.depth).abs().max()) <= 4 * TOLERANCES["symmetry"]
    assert float((4 * one.median - other.median).abs().max()) <= 4 * TOLERANCES["symmetry"]
    assert float(back[0].abs().max()) > 0


def test_opacity_zero_leaves_no_trace_in_pictures_or_gradients() -> None:
    scene = made(80, seed=2)
    clear = torch.zeros(80, dtype=torch.bool)
    clear[::3] = True
    faded = replace(scene, logits=torch.where(clear, -50.0, scene.logits))
    one, back = drawn_back(faded, CAMERA, ahead())
    other, right = drawn_back(scene.map(lambda t: t[~clear]), CAMERA, ahead())
    assert away(one, other, "color", "depth", "alpha", "normal", "median") == 0.0
    for gradient, alone in zip(back[:5], right[:5], strict=True):
        assert torch.equal(gradient[~clear], alone)
        assert float(gradient[clear].abs().max()) == 0.0


@pytest.mark.parametrize("axis", range(3))
def test_needles_and_plates_have_the_gradients_of_plain_torch(axis: int) -> None:
    scene = made(40, seed=axis)
    scene.log_scales[:20] = -6.0
    scene.log_scales[:20, axis] = 0.7
    scene.log_scales[20:] = 0.0
    scene.log_scales[20:, axis] = -9.0
    one, back = drawn_back(scene, CAMERA, ahead())
    other, right = drawn_back(scene, CAMERA, ahead(), replace(ALL, backend="reference"))
    assert away(one, other, "color", "depth", "alpha", "normal", "median") <= 1e-11
    for found, wanted in zip(back, right, strict=True):
        assert float((found - wanted).norm() / wanted.norm()) <= TOLERANCES["gradient, float64"]


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (16, 16), (31, 1), (2, 33)])
@pytest.mark.parametrize("lens", ["pinhole", "fisheye"])
def test_a_picture_is_a_window_of_a_larger_one(size: tuple[int, int], lens: str) -> None:
    scene = made(100, seed=8)
    # far beyond any border, so that no slope is clamped for either picture
    rules = Rules(margin=1e6)
    large = replace(LENSES[lens], width=61, height=53)
    small = replace(large, width=size[0], height=size[1], cx=large.cx - 13, cy=large.cy - 9)
    options = replace(ALL, rules=rules)
    whole = rasterize(scene, large, ahead(), options=options)
    part = rasterize(scene, small, ahead(), options=options)
    for name in ("color", "depth", "alpha", "normal", "median"):
        window = getattr(whole, name)[9 : 9 + size[1], 13 : 13 + size[0]]
        assert float((window - getattr(part, name)).abs().max()) <= TOLERANCES["symmetry"], name


def test_at_the_border_a_splat_fades_as_it_leaves() -> None:
    scene = made(1, seed=1)
    scene.logits[0], scene.log_scales[0] = 3.0, -2.0
    sums = []
    for x in torch.linspace(0, 3, 31, dtype=torch.float64).tolist():
        scene.means[0] = torch.tensor([x, 0.0, 2.0], dtype=torch.float64)
        sums.append(float(rasterize(scene, CAMERA, ahead()).alpha.sum()))
    assert sums[0] > 5.0
    assert sums[-1] == 0.0
    outside = next(i for i, total in enumerate(sums) if total < 0.5 * sums[0])
    assert sums[outside:] == sorted(sums[outside:], reverse=True)


def test_the_near_and_the_far_plane_cut() -> None:
    scene = made(3, seed=1)
    scene.logits[:], scene.log_scales[:] = 3.0, -3.0
    scene.means[:] = torch.tensor([[0.0, 0.0, 0.499], [0.2, 0.0, 0.501], [0.0, 0.3, 1.5]])
    pictures, back = drawn_back(
        scene, CAMERA, ahead(), replace(ALL, rules=Rules(near=0.5, far=1.0))
    )
    assert [bool(row.abs().max() > 0) for row in back[0]] == [False, True, False]
    assert float(pictures.depth.max()) == pytest.approx(0.501)


def test_median_depth_is_where_half_of_the_light_is_left() -> None:
    # two plates that face the camera, wider than the picture: the first takes 40 %, the second 60 %
    ones = torch.ones(2, 3, dtype=torch.float64)
    turn = torch.tensor([[1.0, 0, 0, 0]] * 2, dtype=torch.float64)
    means = torch.tensor([[0.0, 0, 2], [0.0, 0, 5]], dtype=torch.float64)
    camera = SplatCamera(9, 9, 100.0, 100.0, 4.0, 4.0)
    flat = torch.tensor([[50.0, 50.0, 0.1]] * 2, dtype=torch.float64)
    for first, second, wanted in ((0.4, 0.6, 5.0), (0.6, 0.4, 2.0), (0.2, 0.2, 0.0)):
        opacities = torch.tensor([first, second], dtype=torch.float64)
        scene = Gaussians.of(means, turn, flat, opacities, 0.5 * ones)
        pictures = rasterize(scene, camera, ahead(), options=ALL)
        assert float(pictures.median[4, 4]) == wanted
        weights = first, (1 - first) * second
        expected = (2 * weights[0] + 5 * weights[1]) / sum(weights)
        assert float(pictures.depth[4, 4]) == pytest.approx(expected, rel=1e-3)  # their own extent


def test_the_normal_of_a_plate_faces_the_camera() -> None:
    angle = 0.6
    turn = torch.tensor([[math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0]], dtype=torch.float64)
    ones = torch.ones(1, 3, dtype=torch.float64)
    scene = Gaussians.of(
        torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64),
        turn,
        torch.tensor([[0.5, 0.5, 0.01]], dtype=torch.float64),
        torch.tensor([0.9], dtype=torch.float64),
        ones,
    )
    pictures = rasterize(scene, replace(CAMERA, cx=17.0, cy=14.0), ahead(), options=ALL)
    normal = pictures.normal[14, 17] / pictures.alpha[14, 17]
    wanted = torch.tensor([-math.sin(angle), 0.0, -math.cos(angle)], dtype=torch.float64)
    assert float((normal - wanted).abs().max()) <= TOLERANCES["symmetry"]


EXTREMES: Final = {
    "means": (0.0, 1e-30, 0.0101, 1e4, -1e4, 1e9, 1e20, 3e37),
    "quaternions": (0.0, 1e-12, 1e6, -1e15),
    "log_scales": (-1e30, -90.0, -40.0, 4.0, 11.0, 16.0),
    "logits": (-1e30, -100.0, -5.54, 17.0, 90.0, 1e30),
    "harmonics": (0.0, -1e4, 1e4, 1e12),
}


def extreme(count: int, seed: int, dtype: Any) -> Gaussians:
    """Return valid Gaussians, a tenth of whose numbers are as far off as numbers go."""
    scene = made(count, degree=seed % 4, seed=seed, dtype=dtype)
    draws = torch.Generator().manual_seed(1000 + seed)
    for name, values in EXTREMES.items():
        tensor: Tensor = getattr(scene, name)
        where = torch.rand(tensor.shape, generator=draws) < 0.1
        picks = torch.randint(len(values), (int(where.sum()),), generator=draws)
        tensor[where] = torch.tensor(values, dtype=dtype)[picks]
    scene.quaternions[:, 0] += (scene.quaternions.abs().sum(1) == 0).to(dtype)
    return scene


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_scene_has_a_picture_or_a_gradient_that_is_no_number(lens: str, dtype: Any) -> None:
    drawn = 0
    for seed in range(20):
        scene = extreme(60, seed, dtype)
        pictures, back = drawn_back(scene, LENSES[lens], ahead(dtype))
        for name in ("color", "depth", "alpha", "normal", "median"):
            assert bool(torch.isfinite(getattr(pictures, name)).all()), (seed, name)
        assert float(pictures.alpha.min()) >= 0.0
        assert float(pictures.alpha.max()) <= 1.0
        for i, gradient in enumerate(back):
            assert bool(torch.isfinite(gradient).all()), (seed, i)
        drawn += int((pictures.alpha > 0).any())
    assert drawn == 20


@pytest.mark.parametrize("instruction_set", ["best", "emulated"])
def test_a_gradient_beyond_the_range_of_a_float_is_none(instruction_set: str) -> None:
    scene = made(20, seed=3, dtype=torch.float32)
    scene.logits[:] = 1.0
    scene.means[0] = torch.tensor([2e-7, 1e-7, 1.1e-6])  # the lamp's light there is 4e12
    scene.harmonics[0], scene.log_scales[0] = 1e14, -15.0
    scene.means[1:, 2] += 1.5
    options = replace(ALL, rules=Rules(near=1e-6), instruction_set=instruction_set)
    pictures, back = drawn_back(scene, LENSES["lamp"], ahead(torch.float32), options)
    assert float(pictures.color.max()) > 1e25
    assert all(bool(torch.isfinite(gradient).all()) for gradient in back)
    assert float(back[0][0].abs().max()) == 0.0
    assert float(back[0][1:].abs().max()) > 0.0
    assert float(back[5].abs().max()) > 0.0


def test_a_loss_that_is_no_number_is_not_hidden() -> None:
    scene = made(20, seed=3).map(lambda t: t.requires_grad_())
    (back,) = torch.autograd.grad(
        rasterize(scene, CAMERA, ahead()).color.sum() * math.nan, [scene.means]
    )
    assert bool(torch.isnan(back).any())


def test_a_singular_covariance_is_drawn_as_what_it_is() -> None:
    # a line, a point and a plate without thickness: exp(-90) is 0 beside a pixel's own extent
    scene = made(3, seed=5)
    scene.logits[:] = 3.0
    scene.means[:] = torch.tensor([[-0.4, 0.0, 2.0], [0.0, 0.2, 2.0], [0.4, -0.1, 2.0]])
    scene.log_scales[:] = -90.0
    scene.log_scales[0, 0], scene.log_scales[2, :2] = -2.0, -2.0
    one, back = drawn_back(scene, CAMERA, ahead())
    other, right = drawn_back(scene, CAMERA, ahead(), replace(ALL, backend="reference"))
    assert away(one, other, "color", "depth", "alpha", "normal") <= TOLERANCES["symmetry"]
    assert int((one.alpha > 0.3).sum()) > 3
    for i in (0, 3, 4):
        assert float((back[i] - right[i]).norm() / right[i].norm()) <= 1e-9


def test_everything_may_lie_strided_in_memory() -> None:
    scene, pose = made(30, degree=1, seed=9), ahead()
    one, back = drawn_back(scene, CAMERA, pose)
    apart = scene.map(lambda t: torch.stack([t, t], dim=-1)[..., 0].requires_grad_())
    assert not any(t.is_contiguous() for t in apart.tensors)
    view = torch.stack([pose, pose], dim=-1)[..., 0].requires_grad_()
    background = torch.tensor([0.2, 9.0, 0.5, 9.0, 0.1], dtype=torch.float64)[::2]
    pictures = rasterize(apart, CAMERA, view, background=background, options=ALL)
    assert torch.equal(pictures.color.detach(), one.color)
    draws = torch.Generator().manual_seed(7)
    loss = torch.zeros((), dtype=pose.dtype)
    for picture in (pictures.color, pictures.depth, pictures.alpha, pictures.normal):
        loss = loss + (picture * strided_noise(picture, draws)).sum()
    right = torch.autograd.grad(loss, [*apart.tensors, view])
    assert all(torch.equal(a, b) for a, b in zip(back, right, strict=False))


def strided_noise(like: Tensor, draws: Any) -> Tensor:
    """Return noise as a gradient that is not packed."""
    noise = torch.randn(like.shape, generator=draws, dtype=torch.float64)
    return noise.transpose(0, 1).contiguous().transpose(0, 1)


def test_a_compiled_rasterizer_draws_and_differentiates_the_same() -> None:
    scene, pose = made(30, degree=1, seed=2), ahead().requires_grad_()
    leaves = scene.map(lambda t: t.requires_grad_())

    def loss(*tensors: Tensor) -> Tensor:
        *parts, pose = tensors
        pictures = rasterize(Gaussians(2 * parts[0], *parts[1:]), CAMERA, pose, options=ALL)
        return (pictures.color**2).sum() + pictures.depth.mean() + pictures.normal.sum()

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    tensors = (*leaves.tensors, pose)
    back = torch.autograd.grad(compiled(*tensors), tensors)
    right = torch.autograd.grad(loss(*tensors), tensors)
    assert float(right[0].norm()) > 0
    assert all(torch.equal(a, b) for a, b in zip(back, right, strict=True))
    broken = pose.detach().clone()
    broken[0, 0] = math.nan
    with pytest.raises(UsageError, match="camera_from_world is not finite"):
        compiled(*leaves.tensors, broken)
