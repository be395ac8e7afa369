"""The rasterizer on a CUDA device against the CPU, in both builds, eager and captured in a graph.

What the kernels compute is tested without a device in tests/unit/recon3d/splats/test_device.py;
here it is the device, its compiler, its atomics and its graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from videoengine import _native

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from support.splat_scenes import (
    PICTURES,
    Drawn,
    drawn,
    far_off,
    needles,
    odd,
    off,
    plain,
    pose_of,
)
from torch import Tensor

from videoengine.errors import UsageError
from videoengine.recon3d.splats import (
    Fisheye,
    Gaussians,
    Lamp,
    RasterOptions,
    Rules,
    SplatCamera,
    SplatWorkspace,
    rasterize,
)

pytestmark = pytest.mark.cuda

TOLERANCES: Final = {
    "exact, picture": 2e-6,  # the same operations; a few units in the last place
    "exact, gradient": 2e-5,  # relative, by norm: another order of sums
    "fast, mean": 1e-5,  # recon3d.md section 7: fused and approximate arithmetic
    "fast, 999 of 1000": 5e-4,
    "fast, worst": 3e-2,  # a decision on the last splat of a pixel: 0.01 of a color up to 3
    "fast depth, mean": 1e-4,  # relative, where alpha is above 1/2; decisions weigh more
    "fast depth, 999 of 1000": 2e-3,
    "fast, gradient": 1e-3,  # relative, by norm, to float64
    "repeated": 1e-6,  # atomic additions in another order
}
FAST: Final = RasterOptions(normals=True, median=True)
EXACT: Final = replace(FAST, instruction_set="baseline")
CAMERA: Final = SplatCamera(333, 251, 260.0, 262.0, 166.3, 125.2)
SCENES: Final[dict[str, Callable[[], Gaussians]]] = {
    "plain": lambda: plain(3000, seed=1),
    "odd": lambda: odd(1500, 2),
    "needles": lambda: needles(400, 3),
    "one": lambda: plain(1, seed=4),
}


@pytest.fixture(autouse=True)
def _on_a_device() -> Iterator[None]:
    """Skip without a device; fill what is allocated with NaN and all ones."""
    if not _native.built_with_cuda() or not torch.cuda.is_available():
        pytest.skip("needs a CUDA device and a build with VIDEOENGINE_CUDA=on")
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def on_device(scene: Gaussians, camera: SplatCamera, options: RasterOptions) -> Drawn:
    return drawn(scene, camera, options, device="cuda").to_cpu()


def away(found: Drawn, wanted: Drawn, name: str) -> Tensor:
    """Return absolute differences of a picture; depths where something is seen, and relative."""
    one, other = (getattr(d.pictures, name).double() for d in (found, wanted))
    if name in ("depth", "median"):
        seen = wanted.pictures.alpha > 0.5
        return ((one - other).abs() / other.abs().clamp(min=1e-6))[seen]
    return (one - other).abs().flatten()


@pytest.mark.parametrize("name", list(SCENES))
def test_the_exact_build_draws_what_the_cpu_draws(name: str) -> None:
    found, wanted = on_device(SCENES[name](), CAMERA, EXACT), drawn(SCENES[name](), CAMERA, FAST)
    for picture in PICTURES:
        worst = away(found, wanted, picture)
        assert worst.numel() == 0 or float(worst.max()) <= TOLERANCES["exact, picture"], picture


@pytest.mark.parametrize("degree", range(4))
def test_the_exact_build_differentiates_as_the_cpu_does(degree: int) -> None:
    camera = replace(CAMERA, lamp=Lamp(2.0, 1.5))
    scene = plain(800, degree=degree, seed=degree)
    found, wanted = on_device(scene, camera, EXACT), drawn(scene, camera, FAST)
    for gradient, right in zip(found.gradients, wanted.gradients, strict=True):
        assert off(gradient, right) <= TOLERANCES["exact, gradient"]


@pytest.mark.parametrize("degree", range(4))
def test_the_fast_build_stays_near_float64(degree: int) -> None:
    scene = plain(2000, degree=degree, seed=degree)
    double = scene.map(Tensor.double)
    found, wanted = on_device(scene, CAMERA, FAST), drawn(double, CAMERA, FAST)
    for picture in ("color", "depth", "alpha", "normal"):
        difference, what = away(found, wanted, picture), "fast"
        if picture == "depth":
            what = "fast depth"
        else:
            assert float(difference.max()) <= TOLERANCES["fast, worst"], picture
        assert float(difference.mean()) <= TOLERANCES[f"{what}, mean"], picture
        assert float(difference.quantile(0.999)) <= TOLERANCES[f"{what}, 999 of 1000"], picture
    for gradient, right in zip(found.gradients, wanted.gradients, strict=True):
        assert bool(torch.isfinite(gradient).all())
        assert off(gradient, right) <= TOLERANCES["fast, gradient"]


@pytest.mark.parametrize("name", ["plain", "odd", "needles"])
@pytest.mark.parametrize("options", [FAST, EXACT], ids=["fast", "exact"])
def test_culling_by_warps_changes_no_bit(name: str, options: RasterOptions) -> None:
    fixed = replace(options, deterministic=True)
    scene, camera = SCENES[name](), SplatCamera(75, 53, 60.0, 62.0, 37.3, 26.2)
    culled, every = (on_device(scene, camera, replace(fixed, cull=cull)) for cull in (True, False))
    for picture in PICTURES:
        assert torch.equal(getattr(culled.pictures, picture), getattr(every.pictures, picture))
    pairs = zip(culled.gradients, every.gradients, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (5, 70), (641, 3)])
def test_odd_sizes_are_drawn_to_the_last_pixel(size: tuple[int, int]) -> None:
    camera = SplatCamera(*size, 40.0, 40.0, size[0] / 2, size[1] / 2)
    found, wanted = on_device(odd(200, 5), camera, EXACT), drawn(odd(200, 5), camera, FAST)
    assert float(away(found, wanted, "color").max()) <= TOLERANCES["exact, picture"]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("options", [FAST, EXACT], ids=["fast", "exact"])
def test_numbers_that_are_far_off_leave_finite_gradients(options: RasterOptions, seed: int) -> None:
    camera = SplatCamera(75, 53, 60.0, 62.0, 37.3, 26.2)
    found = on_device(far_off(300, seed), camera, options)
    for picture in PICTURES:
        assert bool(torch.isfinite(getattr(found.pictures, picture)).all()), picture
    assert all(bool(torch.isfinite(gradient).all()) for gradient in found.gradients)


def test_a_fisheye_is_drawn() -> None:
    camera = replace(CAMERA, fisheye=Fisheye(0.02, -0.01, 0.002, 0.0))
    found, wanted = (
        on_device(plain(800, seed=6), camera, EXACT),
        drawn(plain(800, seed=6), camera, FAST),
    )
    assert float(away(found, wanted, "color").max()) <= TOLERANCES["exact, picture"]
    for gradient, right in zip(found.gradients, wanted.gradients, strict=True):
        assert off(gradient, right) <= TOLERANCES["exact, gradient"]


def test_without_gaussians_only_the_background_is_seen() -> None:
    found = on_device(plain(0), CAMERA, FAST)
    assert torch.equal(found.pictures.color, torch.tensor([0.2, 0.5, 0.1]).expand(251, 333, 3))
    assert float(found.gradients[5].abs().max()) == 0.0


@pytest.mark.parametrize("options", [FAST, EXACT], ids=["fast", "exact"])
def test_a_fixed_order_of_sums_repeats_every_bit(options: RasterOptions) -> None:
    scene, fixed = plain(4000, seed=7), replace(options, deterministic=True)
    first = on_device(scene, CAMERA, fixed)
    for _ in range(4):
        again = on_device(scene, CAMERA, fixed)
        pairs = zip(again.gradients, first.gradients, strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    loose = on_device(scene, CAMERA, options)
    for gradient, right in zip(loose.gradients, first.gradients, strict=True):
        assert off(gradient, right) <= TOLERANCES["repeated"]


def test_a_small_scene_for_the_checkers() -> None:
    """Run by compute-sanitizer's racecheck, synccheck and initcheck in `make gpu-checkers`."""
    camera = SplatCamera(40, 40, 30.0, 30.0, 20.0, 20.0)
    for deterministic in (False, True):
        room = SplatWorkspace(4000, "cuda")
        options = replace(FAST, deterministic=deterministic, workspace=room)
        found = on_device(plain(90, seed=8), camera, options)
        assert float(found.pictures.alpha.max()) > 0.5
        room.check(wait=True)


class Step:
    """A step in fixed memory: leaves, a weighting, and a graph of forward and backward."""

    def __init__(self, scene: Gaussians, room: SplatWorkspace) -> None:
        self.scene = scene.map(lambda t: t.cuda().requires_grad_())
        self.pose = pose_of().cuda().requires_grad_()
        self.background = torch.tensor([0.2, 0.5, 0.1], device="cuda", requires_grad=True)
        self.options = RasterOptions(deterministic=True, workspace=room)
        draws = torch.Generator().manual_seed(9)
        self.weights = torch.randn(251, 333, 3, generator=draws).cuda()
        self.color = self.weights
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self.run()
        torch.cuda.current_stream().wait_stream(side)
        for leaf in self.leaves:
            leaf.grad = None
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.run()

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        return (*self.scene.tensors, self.pose, self.background)

    def run(self) -> None:
        pictures = rasterize(
            self.scene, CAMERA, self.pose, background=self.background, options=self.options
        )
        self.color = pictures.color
        ((pictures.color * self.weights).sum() + pictures.depth.sum()).backward()

    def eager(self) -> tuple[Tensor, list[Tensor]]:
        """Return the picture and the gradients of the same numbers, outside the graph."""
        pictures = rasterize(
            self.scene, CAMERA, self.pose, background=self.background, options=self.options
        )
        loss = (pictures.color * self.weights).sum() + pictures.depth.sum()
        return pictures.color.detach(), list(torch.autograd.grad(loss, self.leaves))


def zero(step: Step) -> None:
    for leaf in step.leaves:
        if leaf.grad is not None:
            leaf.grad.zero_()


def test_a_replayed_graph_is_the_eager_step() -> None:
    room = SplatWorkspace(100_000, "cuda")
    step = Step(plain(3000, seed=10), room)
    for shift in (0.0, 0.05, -0.1):
        with torch.no_grad():
            step.scene.means[:, 0] += shift
        zero(step)
        step.graph.replay()
        color, gradients = step.eager()
        assert torch.equal(step.color, color)
        for leaf, right in zip(step.leaves, gradients, strict=True):
            assert leaf.grad is not None
            assert torch.equal(leaf.grad, right)
    room.check(wait=True)
    assert room.report().skipped == 0


def test_a_replayed_step_that_does_not_fit_is_skipped_and_told_one_step_later() -> None:
    room = SplatWorkspace(100_000, "cuda")
    step = Step(plain(3000, seed=10), room)
    step.graph.replay()
    room.check(wait=True)
    with torch.no_grad():
        step.scene.log_scales.add_(3.0)
    zero(step)
    step.graph.replay()
    room.check()  # begins to fetch the ledger, of steps before and of this one
    step.graph.replay()
    with pytest.raises(UsageError, match=r"the capacity is too small; got \d+ pairs"):
        room.check()
    wanted = torch.tensor([0.2, 0.5, 0.1], device="cuda")
    assert torch.equal(step.color, wanted.expand_as(step.color))
    assert all(float(leaf.grad.abs().max()) == 0.0 for leaf in step.leaves if leaf.grad is not None)
    assert room.report().skipped == 2
    with pytest.raises(UsageError, match=r"the capacity is too small; got \d+ pairs"):
        step.eager()
    with torch.no_grad():
        step.scene.log_scales.sub_(3.0)
    step.graph.replay()
    with pytest.raises(UsageError, match="the capacity is too small"):
        room.check(wait=True)  # until it is cleared
    room.clear()
    step.graph.replay()
    room.check(wait=True)


def test_what_is_no_gaussian_is_named() -> None:
    scene = plain(500)
    scene.means[77] = float("nan")
    with pytest.raises(UsageError, match="Gaussian 77 is not finite"):
        on_device(scene, CAMERA, FAST)
    whole = plain(5).map(Tensor.cuda)
    with pytest.raises(UsageError, match="camera_from_world or background is not finite"):
        rasterize(whole, CAMERA, torch.full((3, 4), float("nan"), device="cuda"))


def test_mixed_devices_and_double_numbers_are_refused() -> None:
    scene = plain(5).map(Tensor.cuda)
    with pytest.raises(UsageError, match="camera_from_world does not go with the means"):
        rasterize(scene, CAMERA, pose_of())
    with pytest.raises(UsageError, match="quaternions do not go with the means"):
        replace(scene, quaternions=scene.quaternions.cpu())
    room = SplatWorkspace(10, "cpu")
    with pytest.raises(UsageError, match="The workspace does not go with the means; got cpu"):
        rasterize(scene, CAMERA, pose_of().cuda(), options=RasterOptions(workspace=room))
    with pytest.raises(UsageError, match="take single numbers"):
        rasterize(scene.map(Tensor.double), CAMERA, pose_of().double().cuda())
    with pytest.raises(UsageError, match="No kernels are made for this"):
        rasterize(
            scene, CAMERA, pose_of().cuda(), options=RasterOptions(instruction_set="emulated")
        )


def test_the_operators_pass_the_checks_of_torch() -> None:
    torch.use_deterministic_algorithms(False)
    scene = plain(12, degree=1, seed=2).map(lambda t: t.cuda().requires_grad_())
    pose, background = pose_of().cuda().requires_grad_(), torch.zeros(3, device="cuda")
    numbers = [30.0, 31.0, 17.3, 14.2, 0.0, 0.0, *Rules().numbers()]
    for declared in (0, 1):
        flags = [1, 1, 1, 0, 500, 1, declared]
        torch.library.opcheck(
            torch.ops.videoengine.splat_rasterize,
            (*scene.tensors, pose, background, None, numbers, [37, 29], flags),
            test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
        )
