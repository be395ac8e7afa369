"""The loss and Adam on a CUDA device against the CPU, and a training step captured in a graph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import pytest

from videoengine import _native

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from torch import Tensor

from videoengine.errors import UsageError
from videoengine.recon3d.splats import (
    AdamRates,
    Gaussians,
    LossWeights,
    RasterOptions,
    SplatAdam,
    SplatCamera,
    SplatWorkspace,
    photometric_loss,
    rasterize,
)

pytestmark = pytest.mark.cuda

TOLERANCES: Final = {
    "loss, float64": 1e-11,  # fused multiply-add, and another order of sums
    "loss, float32": 2e-5,
    "adam, float64": 1e-12,
    "adam, float32": 5e-6,  # over 20 steps
    "graph": 1e-6,  # relative, by norm, over 8 steps: atomic additions in another order
}
DTYPES: Final = [torch.float32, torch.float64]
RATES: Final = AdamRates(1e-2, 2e-2, 3e-2, 4e-2, 5e-2, 6e-3, epsilon=1e-9)


@pytest.fixture(autouse=True)
def _on_a_device() -> Iterator[None]:
    """Skip without a device; fill what is allocated with NaN and all ones."""
    if not _native.built_with_cuda() or not torch.cuda.is_available():
        pytest.skip("needs a CUDA device and a build with VIDEOENGINE_CUDA=on")
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def short(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def off(found: Tensor, wanted: Tensor) -> float:
    """Return the relative difference by norm."""
    found, wanted = found.detach().cpu().double(), wanted.detach().cpu().double()
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-300))


def views(height: int, width: int, dtype: Any) -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(height)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draws, dtype=torch.float64)

    target_depth = 2 + uniform(height, width)
    target_depth[uniform(height, width) < 0.2] = 0.0
    target_depth[0, 0] = math.nan
    floats = {
        "color": uniform(height, width, 3),
        "target": uniform(height, width, 3),
        "depth": 3 + uniform(height, width),
        "target_depth": target_depth,
    }
    mask = uniform(height, width) > 0.2
    mask[height // 4 : height // 2] = False
    return {**{name: t.to(dtype) for name, t in floats.items()}, "mask": mask}


def compared(v: dict[str, Tensor], weights: LossWeights, device: str) -> list[Tensor]:
    """Return total, terms and gradients."""
    there = {name: t.to(device) for name, t in v.items()}
    color, depth = there.pop("color").requires_grad_(), there.pop("depth").requires_grad_()
    target = there.pop("target")
    loss = photometric_loss(color, target, depth=depth, weights=weights, **there)
    back = torch.autograd.grad(3 * loss.total, [color, depth])
    return [loss.total, loss.l1, loss.dssim, loss.depth, *back]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("term", ["l1", "pearson"])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (130, 251)])
def test_the_loss_is_that_of_the_cpu(size: tuple[int, int], term: Any, dtype: Any) -> None:
    v = views(*size, dtype)
    v["mask"][0, -1] = True
    weights = LossWeights(0.7, 0.4, 0.3, term)
    wanted, found = (compared(v, weights, device) for device in ("cpu", "cuda"))
    for one, other in zip(found, wanted, strict=True):
        assert one.device.type == "cuda"
        assert off(one, other) <= TOLERANCES[f"loss, {short(dtype)}"]


def test_two_runs_of_the_loss_give_the_same_bits() -> None:
    v, weights = views(300, 401, torch.float32), LossWeights(depth_term="pearson")
    one, other = (compared(v, weights, "cuda") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_mask_without_a_pixel_is_no_loss() -> None:
    v = views(40, 50, torch.float32)
    v["mask"][:] = False
    assert all(float(t.abs().max()) == 0.0 for t in compared(v, LossWeights(), "cuda"))


def leaves(count: int, degree: int, dtype: Any, device: str) -> Gaussians:
    draws = torch.Generator().manual_seed(3)
    shapes = ((count, 3), (count, 4), (count, 3), (count,), (count, (degree + 1) ** 2, 3))
    tensors = (torch.randn(shape, generator=draws, dtype=torch.float64) for shape in shapes)
    return Gaussians(*(t.to(device, dtype).requires_grad_() for t in tensors))


def set_gradients(scene: Gaussians, step: int) -> None:
    draws = torch.Generator().manual_seed(100 + step)
    for tensor in scene.tensors:
        gradient = torch.randn(tensor.shape, generator=draws, dtype=torch.float64)
        tensor.grad = gradient.to(tensor.device, tensor.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("degree", [0, 3])
def test_adam_is_that_of_the_cpu(degree: int, dtype: Any) -> None:
    moved = []
    for device in ("cpu", "cuda"):
        scene = leaves(3001, degree, dtype, device)
        adam = SplatAdam(scene, RATES)
        draws = torch.Generator().manual_seed(9)
        for step in range(20):
            set_gradients(scene, step)
            visible = (torch.rand(3001, generator=draws) < 0.4).to(device)
            skip = torch.tensor([int(step % 7 == 3)], device=device)
            adam.step(visible=visible, skip=skip)
        assert adam.steps == 17
        adam.check()
        moved.append(scene)
    for one, other in zip(moved[1].tensors, moved[0].tensors, strict=True):
        assert off(one, other) <= TOLERANCES[f"adam, {short(dtype)}"]


def test_a_gradient_that_is_no_number_rests_and_is_told() -> None:
    scene = leaves(500, 1, torch.float32, "cuda")
    adam = SplatAdam(scene, RATES)
    set_gradients(scene, 0)
    assert scene.logits.grad is not None
    scene.logits.grad[77] = math.nan
    before = scene.means.detach().clone()
    adam.step()
    moved = (scene.means.detach() != before).any(dim=1)
    assert int(moved.sum()) == 499
    assert not bool(moved[77])
    with pytest.raises(UsageError, match="1 gradients of Gaussians were no numbers, the last of"):
        adam.check()


def scene_of(count: int) -> Gaussians:
    draws = torch.Generator().manual_seed(1)
    means = torch.rand(count, 3, generator=draws) * 2 - 1
    means[:, 2] += 3.0
    tensors = (
        *(means, torch.randn(count, 4, generator=draws)),
        *(torch.full((count, 3), -2.5), torch.zeros(count)),
        torch.randn(count, 1, 3, generator=draws),
    )
    return Gaussians(*(t.cuda().requires_grad_() for t in tensors))


def step_of(
    scene: Gaussians,
    adam: SplatAdam,
    workspace: SplatWorkspace,
    target: Tensor,
    skip: Tensor | None,
) -> None:
    camera = SplatCamera(160, 128, 130.0, 130.0, 80.0, 64.0)
    pose = torch.eye(4, device="cuda")[:3].contiguous()
    options = RasterOptions(workspace=workspace, deterministic=True)
    drawn = rasterize(scene, camera, pose, options=options)
    photometric_loss(drawn.color, target).total.backward()
    adam.step(skip=skip)


@pytest.mark.parametrize("capacity", [200_000, 40])
def test_a_whole_training_step_is_captured_in_a_graph(capacity: int) -> None:
    target = torch.rand(128, 160, 3, generator=torch.Generator().manual_seed(5)).cuda()
    eager = scene_of(800)
    plain = SplatAdam(eager, RATES)
    room = SplatWorkspace(200_000, "cuda")
    for _ in range(8):
        for tensor in eager.tensors:
            tensor.grad = None
        step_of(eager, plain, room, target, None)

    scene = scene_of(800)
    for tensor in scene.tensors:
        tensor.grad = torch.zeros_like(tensor)
    adam, workspace = SplatAdam(scene, RATES), SplatWorkspace(capacity, "cuda")
    skip = workspace.ledger[4:5]
    start = [t.detach().clone() for t in scene.tensors]
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.Stream()
    with torch.cuda.graph(graph, stream=stream):
        for tensor in scene.tensors:
            assert tensor.grad is not None
            tensor.grad.zero_()
        step_of(scene, adam, workspace, target, skip)
    for _ in range(8):
        graph.replay()
    torch.cuda.synchronize()
    if capacity == 40:  # every step was skipped on the device, and that is told
        assert all(torch.equal(a, b) for a, b in zip(start, scene.tensors, strict=True))
        assert adam.steps == 0
        with pytest.raises(UsageError, match="the capacity is too small"):
            workspace.check(wait=True)
        return
    workspace.check(wait=True)
    assert adam.steps == 8
    for one, other in zip(scene.tensors, eager.tensors, strict=True):
        assert off(one, other) <= TOLERANCES["graph"]
