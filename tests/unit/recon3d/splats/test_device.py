"""The kernels of a GPU, run by emulated warps, against the loops of the CPU.

What is tested is the source that nvcc compiles: blocks, votes, shuffles and shared memory included.
`tests/cuda/test_splats_cuda.py` compares the same on a device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

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
    weighed,
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
    device,
    rasterize,
)

pytestmark = pytest.mark.torch

TOLERANCES: Final = {
    "gradient": 2e-5,  # relative, by norm: another order of sums than the CPU's
}
CPU: Final = RasterOptions(normals=True, median=True)
KERNELS: Final = replace(CPU, instruction_set="emulated")
FIXED: Final = replace(KERNELS, deterministic=True)
CAMERA: Final = SplatCamera(75, 53, 60.0, 62.0, 37.3, 26.2)
"""5 x 4 tiles, cut at both borders; a giant's box has more than a warp looks through alone."""
WIDE: Final = SplatCamera(230, 70, 60.0, 60.0, 115.0, 35.0)
"""15 x 5 tiles: more than a warp has lanes."""


@pytest.fixture(autouse=True)
def _poisoned() -> Iterator[None]:
    """Fill what is allocated with NaN and all ones, as a device may leave it."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def same_pictures(one: Drawn, other: Drawn) -> bool:
    return all(
        torch.equal(getattr(one.pictures, name), getattr(other.pictures, name)) for name in PICTURES
    )


def same_gradients(one: Drawn, other: Drawn) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.gradients, other.gradients, strict=True))


def near(one: Drawn, other: Drawn) -> bool:
    pairs = zip(one.gradients, other.gradients, strict=True)
    return all(off(a, b) <= TOLERANCES["gradient"] for a, b in pairs)


@pytest.mark.parametrize("degree", range(4))
def test_kernels_draw_the_bits_of_the_cpu(degree: int) -> None:
    scene, camera = plain(150, degree=degree, seed=degree), replace(CAMERA, lamp=Lamp(2.0, 1.5))
    wanted, found = (drawn(scene, camera, options) for options in (CPU, KERNELS))
    assert float(wanted.pictures.alpha.max()) > 0.5
    assert same_pictures(found, wanted)
    assert near(found, wanted)


@pytest.mark.parametrize(("normals", "median"), [(False, False), (False, True), (True, False)])
def test_pictures_that_are_not_asked_for_change_nothing(normals: bool, median: bool) -> None:
    scene = plain(100, seed=4)
    few = {"normals": normals, "median": median}
    wanted, found = (drawn(scene, CAMERA, replace(o, **few)) for o in (CPU, KERNELS))
    assert same_pictures(found, wanted)
    assert near(found, wanted)


@pytest.mark.parametrize("normals", [False, True])
@pytest.mark.parametrize("deterministic", [False, True])
def test_gradients_without_absolute_slopes_are_the_same(normals: bool, deterministic: bool) -> None:
    options = replace(KERNELS, normals=normals, deterministic=deterministic)
    wanted = drawn(plain(150, degree=1, seed=14), CAMERA, options)
    leaves = plain(150, degree=1, seed=14).map(lambda t: t.requires_grad_())
    background = torch.tensor([0.2, 0.5, 0.1])
    pictures = rasterize(leaves, CAMERA, pose_of(), background=background, options=options)
    loss = weighed(pictures, options)
    found = torch.autograd.grad(loss, list(leaves.tensors))
    for gradient, right in zip(found, wanted.gradients, strict=False):
        assert off(gradient, right) <= (0.0 if deterministic else TOLERANCES["gradient"])
    (of_color,) = torch.autograd.grad(
        rasterize(leaves, CAMERA, pose_of(), options=options).color.sum(), [leaves.logits]
    )
    (right,) = torch.autograd.grad(
        rasterize(leaves, CAMERA, pose_of()).color.sum(), [leaves.logits]
    )
    assert off(of_color, right) <= TOLERANCES["gradient"]


def test_a_pose_that_is_no_number_is_named() -> None:
    with pytest.raises(UsageError, match="camera_from_world or background is not finite"):
        rasterize(plain(5), CAMERA, torch.full((3, 4), float("nan")), options=KERNELS)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (5, 70)])
def test_odd_sizes_are_drawn_to_the_last_pixel(size: tuple[int, int]) -> None:
    camera = SplatCamera(*size, 40.0, 40.0, size[0] / 2, size[1] / 2)
    wanted, found = (drawn(odd(150, 5), camera, options) for options in (CPU, KERNELS))
    assert same_pictures(found, wanted)


@pytest.mark.parametrize("camera", [CAMERA, WIDE])
def test_giants_and_needles_are_found_by_the_whole_warp(camera: SplatCamera) -> None:
    for scene in (odd(150, 2), needles(60, 3)):
        wanted, found = (drawn(scene, camera, options) for options in (CPU, KERNELS))
        assert same_pictures(found, wanted)


@pytest.mark.parametrize("seed", range(8))
def test_numbers_that_are_far_off_leave_finite_gradients(seed: int) -> None:
    wanted, found = (drawn(far_off(60, seed), CAMERA, options) for options in (CPU, KERNELS))
    assert same_pictures(found, wanted)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in found.gradients)


def test_a_fisheye_is_drawn_by_the_same_kernels() -> None:
    camera = replace(CAMERA, fisheye=Fisheye(0.02, -0.01, 0.002, 0.0))
    wanted, found = (drawn(plain(150, seed=6), camera, options) for options in (CPU, KERNELS))
    assert same_pictures(found, wanted)
    assert near(found, wanted)


def test_culling_by_warps_changes_no_bit() -> None:
    for scene in (odd(120, 8), plain(120, seed=9)):
        culled, every = (drawn(scene, CAMERA, replace(FIXED, cull=cull)) for cull in (True, False))
        assert same_pictures(culled, every)
        assert same_gradients(culled, every)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_turns_that_threads_take_change_no_bit(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = plain(300, seed=10)
    first = drawn(scene, CAMERA, FIXED)
    monkeypatch.setattr(device, "_stream", lambda _: seed)
    again = drawn(scene, CAMERA, FIXED)
    assert same_pictures(again, first)
    assert same_gradients(again, first)


def test_a_long_list_is_drawn_in_batches() -> None:
    scene = plain(1500, seed=11)
    scene.means[:, :2] *= 0.1
    scene.logits[:] = -3.0
    camera = SplatCamera(20, 20, 60.0, 60.0, 10.0, 10.0)
    wanted, found = (drawn(scene, camera, options) for options in (CPU, FIXED))
    assert same_pictures(found, wanted)
    assert near(found, wanted)


def test_equal_depths_go_by_number() -> None:
    scene = plain(80, seed=12)
    scene.means[:, :] = torch.tensor([0.0, 0.0, 2.0])
    wanted, found = (drawn(scene, CAMERA, options) for options in (CPU, KERNELS))
    assert same_pictures(found, wanted)


def test_without_gaussians_only_the_background_is_seen() -> None:
    found = drawn(plain(0), CAMERA, FIXED)
    assert torch.equal(found.pictures.color, torch.tensor([0.2, 0.5, 0.1]).expand(53, 75, 3))
    assert float(found.pictures.alpha.abs().max()) == 0.0
    assert float(found.gradients[5].abs().max()) == 0.0
    assert near(found, drawn(plain(0), CAMERA, CPU))


def test_a_workspace_with_room_to_spare_changes_no_bit() -> None:
    scene, room = plain(200, seed=13), SplatWorkspace(5000, "cpu")
    one, other = drawn(scene, CAMERA, FIXED), drawn(scene, CAMERA, replace(FIXED, workspace=room))
    assert same_pictures(one, other)
    assert same_gradients(one, other)
    assert room.report().steps == 1
    assert 200 < room.report().most_needed < 5000
    room.check()


def test_a_scene_that_does_not_fit_is_an_error_at_once() -> None:
    room = SplatWorkspace(10, "cpu")
    with pytest.raises(UsageError, match=r"the capacity is too small; got \d+ pairs"):
        drawn(plain(200), CAMERA, replace(KERNELS, workspace=room))
    with pytest.raises(UsageError, match=r"the capacity is too small; got \d+ pairs"):
        drawn(plain(200), CAMERA, replace(KERNELS, capacity=10))


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_captured_step_that_does_not_fit_is_skipped_and_told(
    deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_capturing", lambda _: True)
    room = SplatWorkspace(10, "cpu")
    options = replace(KERNELS, workspace=room, deterministic=deterministic)
    found = drawn(plain(200), CAMERA, options)
    assert torch.equal(found.pictures.color, torch.tensor([0.2, 0.5, 0.1]).expand(53, 75, 3))
    assert all(float(gradient.abs().max()) == 0.0 for gradient in found.gradients)
    drawn(plain(0), CAMERA, options)
    assert (room.report().steps, room.report().skipped) == (2, 1)
    assert int(room.ledger[4]) == 0
    for _ in range(2):
        with pytest.raises(UsageError, match=r"the capacity is too small; got \d+ pairs"):
            room.check()
    room.clear()
    room.check()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("means", float("nan"), "Gaussian 3 is not finite"),
        ("logits", float("inf"), "Gaussian 3 is not finite"),
        ("quaternions", 0.0, "Gaussian 3 has no rotation"),
        ("log_scales", 40.0, "Gaussian 3 is too large"),
    ],
)
def test_what_is_no_gaussian_is_named(name: str, value: float, words: str) -> None:
    scene = plain(80)
    getattr(scene, name)[3] = value
    getattr(scene, name)[70] = value
    with pytest.raises(UsageError, match=words):
        drawn(scene, CAMERA, KERNELS)


def test_a_captured_step_with_no_gaussian_has_no_nan_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "_capturing", lambda _: True)
    scene, room = plain(80), SplatWorkspace(5000, "cpu")
    scene.means[3] = float("nan")
    found = drawn(scene, CAMERA, replace(KERNELS, workspace=room))
    assert all(float(gradient.abs().max()) == 0.0 for gradient in found.gradients)
    with pytest.raises(UsageError, match="Gaussian 3 is not finite"):
        room.check()


def test_nothing_is_written_beside_its_room_or_read_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fences: list[Tensor] = []

    def fenced(like: Tensor, size: int) -> Tensor:
        room = torch.full((size + 512,), 0x5A, dtype=torch.uint8, device=like.device)
        fences.extend((room[:256], room[256 + size :]))
        inside = room[256 : 256 + size]
        inside.view(torch.int64).fill_(1 << 32)
        return inside

    monkeypatch.setattr(device, "_room", fenced)
    for options in (KERNELS, FIXED, replace(FIXED, workspace=SplatWorkspace(3001, "cpu"))):
        for scene in (odd(97, 4), plain(3, seed=1)):
            found, wanted = drawn(scene, CAMERA, options), drawn(scene, CAMERA, CPU)
            assert same_pictures(found, wanted)
            assert near(found, wanted) or scene.means.shape[0] == 97
    assert len(fences) == 2 * 5 * 3 * 2
    assert all(bool((fence == 0x5A).all()) for fence in fences)


def test_every_pair_belongs_to_one_tile() -> None:
    scene = plain(12, seed=1)
    numbers = [60.0, 62.0, 37.3, 26.2, 0.0, 0.0, *Rules().numbers()]
    inputs = (*scene.tensors, pose_of(), torch.zeros(3), None, numbers, [75, 53])
    room = 3000
    *_, front, tiles, pairs = torch.ops.videoengine.splat_rasterize(
        *inputs, [0, 0, 1, 3, room, 0, 1]
    )
    needed = int(front[8:16].view(torch.int64))
    spans = tiles[: 20 * 8].view(torch.int32).reshape(20, 2)
    held = spans[spans[:, 1] > spans[:, 0]]
    held = held[held[:, 0].argsort()]
    assert 12 < needed < room
    assert held[0, 0] == 0
    assert held[-1, 1] == needed
    assert torch.equal(held[1:, 0], held[:-1, 1])
    assert bool((spans[spans[:, 1] <= spans[:, 0]] == 0).all())
    assert len(held) < 20
    assert bool((pairs[0, :needed] < 12).all())


def test_the_operators_pass_the_checks_of_torch() -> None:
    torch.use_deterministic_algorithms(False)  # opcheck compares what is empty as well
    scene = plain(12, degree=1, seed=2).map(lambda t: t.requires_grad_())
    pose, background = pose_of().requires_grad_(), torch.zeros(3, requires_grad=True)
    numbers = [30.0, 31.0, 17.3, 14.2, 0.0, 0.0, *Rules().numbers()]
    inputs = (*scene.tensors, pose, background, None, numbers, [37, 29], [1, 1, 1, 3, 500, 1, 1])
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.videoengine.splat_rasterize, inputs, test_utils=tests)
    passed = torch.ops.videoengine.splat_rasterize(*inputs)[5].detach()
    ledger = torch.tensor([0, 0, 0, -1, 0])
    torch.library.opcheck(torch.ops.videoengine.splat_note, (passed, ledger, "emulated"))


def test_double_numbers_and_unknown_devices_are_refused() -> None:
    scene = plain(4).map(Tensor.double)
    with pytest.raises(UsageError, match=r"take single numbers; got torch\.float64"):
        rasterize(scene, CAMERA, pose_of().double(), options=KERNELS)
    elsewhere = Gaussians(*(t.to("meta") for t in plain(4).tensors))
    with pytest.raises(UsageError, match="camera_from_world does not go with the means"):
        rasterize(elsewhere, CAMERA, pose_of())
    with pytest.raises(UsageError, match=r"No kernels are made for this; got .* on meta"):
        rasterize(elsewhere, CAMERA, pose_of().to("meta"))


def test_a_workspace_elsewhere_or_beside_a_capacity_is_refused() -> None:
    room = SplatWorkspace(10, "cpu")
    with pytest.raises(UsageError, match="A workspace is a GPU's"):
        rasterize(plain(4), CAMERA, pose_of(), options=RasterOptions(workspace=room))
    with pytest.raises(UsageError, match="A capacity is declared twice"):
        RasterOptions(workspace=room, capacity=4)
    with pytest.raises(UsageError, match="impossible capacity; got 0"):
        SplatWorkspace(0, "cpu")
    away = SplatWorkspace(10, "meta")
    with pytest.raises(UsageError, match="The workspace does not go with the means; got meta"):
        rasterize(plain(4), CAMERA, pose_of(), options=replace(KERNELS, workspace=away))
