"""`rasterize`: Gaussians to pictures, differentiable; one native operator behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.recon3d.splats import device, peer, reference
from videoengine.recon3d.splats.camera import SplatCamera
from videoengine.recon3d.splats.gaussians import Gaussians
from videoengine.recon3d.splats.reference import Pictures
from videoengine.recon3d.splats.rules import Rules
from videoengine.recon3d.splats.workspace import SplatWorkspace

BACKENDS: Final = ("native", "reference", "gsplat")
INSTRUCTION_SETS: Final = ("best", "baseline", "scalar", "emulated")


@dataclass(frozen=True, slots=True)
class RasterOptions:
    """What is drawn, and by whom."""

    backend: str = "native"
    """`native`; `reference`: plain torch, whose memory grows with Gaussians times pixels; or
    `gsplat`: where it is installed, on a CUDA device, without normals, median and `absolute`."""
    normals: bool = False
    """Whether normals are drawn; else they are empty (0, 0, 3)."""
    median: bool = False
    """Whether the median depth is drawn; else it is empty (0, 0)."""
    capacity: int = 0
    """Most pairs of splat and tile; 0 for any number. More is an error that says how many."""
    cull: bool = True
    """Whether splats visit only tiles that they may touch; without it nothing changes but time."""
    instruction_set: str = "best"
    """`best`; `baseline`: on a GPU, as exact as the CPU. For tests on a CPU, `scalar`: compiled
    without vector instructions; `emulated`: the kernels of a GPU, one thread after the other."""
    deterministic: bool = False
    """Whether a GPU sums gradients in a fixed order; a CPU always does."""
    workspace: SplatWorkspace | None = None
    """Room on a GPU that is declared once: then a step may be captured in a CUDA graph."""
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        for name, known in (("backend", BACKENDS), ("instruction_set", INSTRUCTION_SETS)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"No such {name}", got=repr(getattr(self, name)), allowed=", ".join(known)
                )
        if self.capacity < 0:
            raise UsageError("A capacity is negative", got=self.capacity, allowed="0 or more")
        if self.capacity and self.workspace is not None:
            raise UsageError(
                "A capacity is declared twice",
                got=f"{self.capacity}, and a workspace of {self.workspace.capacity}",
                allowed="one of them",
            )


DEFAULTS: Final = RasterOptions()
Drawn = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def rasterize(
    gaussians: Gaussians,
    camera: SplatCamera,
    camera_from_world: Tensor,
    *,
    background: Tensor | None = None,
    absolute: Tensor | None = None,
    options: RasterOptions = DEFAULTS,
) -> Pictures:
    """Draw Gaussians; gradients flow to all of them, to the pose and to the background.

    Args:
        gaussians: The scene.
        camera: Its lens, picture size and lamp.
        camera_from_world: (3, 4), [R | t], a rigid motion.
        background: (3,), black by default.
        absolute: (N, 2), whose `grad` receives the sum over pixels of |d loss / d center|, px^-1,
            which decides where a scene needs more Gaussians (Ye et al. 2024, AbsGS); its values are
            not read.
        options: What is drawn, and by whom.

    Raises:
        UsageError: Shapes, dtypes or devices that do not fit, NaN, infinity, a quaternion of length
            0, a log scale above 16, or more pairs than the capacity.
    """
    means = gaussians.means
    if background is None:
        background = means.new_zeros(3)
    for name, tensor, shape in (
        ("camera_from_world", camera_from_world, (3, 4)),
        ("background", background, (3,)),
        ("absolute", absolute, (len(gaussians), 2)),
    ):
        if tensor is not None:
            _check(name, tensor, shape, means)
    if options.backend == "reference":
        _refuse_no_numbers(camera_from_world, background)
        return reference.render(
            gaussians.tensors, camera_from_world, camera, background, options.rules
        )
    if options.backend == "gsplat":
        _refuse_of_peer(options, absolute)
        return peer.render(gaussians, camera_from_world, camera, background, options.rules)
    machine = device.machine_of(means, options.instruction_set)
    workspace = _workspace(options, machine, means)
    lamp = (0.0, 0.0) if camera.lamp is None else (camera.lamp.distance, camera.lamp.exponent)
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *lamp, *options.rules.numbers()]
    if camera.fisheye is not None:
        numbers += camera.fisheye.numbers()
    flags = [int(options.normals), int(options.median), int(options.cull)]
    flags += [INSTRUCTION_SETS.index(options.instruction_set)]
    flags += [options.capacity if workspace is None else workspace.capacity]
    flags += [int(options.deterministic), int(workspace is not None)]
    size = [camera.width, camera.height]
    drawn = _forward(
        *(tensor.contiguous() for tensor in gaussians.tensors),
        camera_from_world.contiguous(),
        background.contiguous(),
        absolute,
        numbers,
        size,
        flags,
    )
    if workspace is not None and machine is not None:
        _note(drawn[5], workspace.ledger, machine)
    return Pictures(*drawn[:5])


def _refuse_of_peer(options: RasterOptions, absolute: Tensor | None) -> None:
    for name, asked in (
        ("normals", options.normals),
        ("median", options.median),
        ("absolute", absolute is not None),
        ("capacity", options.capacity > 0),
        ("workspace", options.workspace is not None),
    ):
        if asked:
            raise UsageError(
                f"gsplat has no {name} of ours", got=f"{name} given", allowed="backend='native'"
            )


def _workspace(options: RasterOptions, machine: str | None, means: Tensor) -> SplatWorkspace | None:
    workspace = options.workspace
    if workspace is None:
        return None
    if machine is None:
        raise UsageError(
            "A workspace is a GPU's", got=f"tensors on {means.device}", allowed="workspace=None"
        )
    if workspace.ledger.device != means.device:
        raise UsageError(
            "The workspace does not go with the means",
            got=str(workspace.ledger.device),
            allowed=str(means.device),
        )
    return workspace


def _check(name: str, tensor: Tensor, shape: tuple[int, ...], means: Tensor) -> None:
    if tuple(tensor.shape) != shape:
        raise UsageError(f"{name} has the wrong shape", got=tuple(tensor.shape), allowed=shape)
    if tensor.dtype != means.dtype or tensor.device != means.device:
        raise UsageError(
            f"{name} does not go with the means",
            got=f"{tensor.dtype} on {tensor.device}",
            allowed=f"{means.dtype} on {means.device}",
        )


def _refuse_no_numbers(camera_from_world: Tensor, background: Tensor) -> None:
    for name, tensor in (("camera_from_world", camera_from_world), ("background", background)):
        if not bool(torch.isfinite(tensor.detach()).all()):
            raise UsageError(
                f"{name} is not finite", got="NaN or infinity", allowed="finite numbers"
            )


def _shot(pose: Tensor, background: Tensor, numbers: Sequence[float]) -> list[Any]:
    lens, lamp, rules = (
        torch.tensor(part, dtype=pose.dtype)
        for part in ([*numbers[:4], *numbers[13:]], numbers[4:6], numbers[6:13])
    )
    return [part.detach().numpy() for part in (pose, lens, background, lamp, rules)]


def _flags(flags: Sequence[int]) -> device.Flags:
    normals, median, cull, instruction_set, capacity, deterministic, declared = flags
    return device.Flags(
        bool(normals),
        bool(median),
        bool(cull),
        INSTRUCTION_SETS[instruction_set],
        capacity,
        bool(deterministic),
        bool(declared),
    )


@torch.library.custom_op("videoengine::splat_rasterize", mutates_args=())
def _forward(
    means: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
    logits: Tensor,
    harmonics: Tensor,
    pose: Tensor,
    background: Tensor,
    absolute: Tensor | None,
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Sequence[int],
) -> Drawn:
    """Return color, depth, alpha, normal, median, and the pass for the way back, in three parts."""
    width, height = size
    normals, median, cull, instruction_set, capacity, *_ = flags
    if device.machine_of(means, INSTRUCTION_SETS[instruction_set]) is not None:
        on_device = (means, quaternions, log_scales, logits, harmonics)
        return device.forward(on_device, (pose, background), numbers, size, _flags(flags))
    _refuse_no_numbers(pose, background)  # a device looks for itself
    color, depth, alpha = (means.new_empty(height, width, *rest) for rest in ((3,), (), ()))
    normal = means.new_empty(*((height, width) if normals else (0, 0)), 3)
    middle = means.new_empty((height, width) if median else (0, 0))
    scene = [t.detach().numpy() for t in (means, quaternions, log_scales, logits, harmonics)]
    out: list[Any] = [color.numpy(), depth.numpy(), alpha.numpy()]
    out += [normal.numpy() if normals else None, middle.numpy() if median else None]
    try:
        passed = _native.splat_forward(
            scene, _shot(pose, background, numbers), width, height, out, capacity, bool(cull),
            INSTRUCTION_SETS[instruction_set],
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from error
    rest = (means.new_empty(0, dtype=torch.uint8), means.new_empty(0, 0, dtype=torch.int32))
    return color, depth, alpha, normal, middle, torch.from_numpy(passed), *rest


@_forward.register_fake
def _(
    means: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
    logits: Tensor,
    harmonics: Tensor,
    pose: Tensor,
    background: Tensor,
    absolute: Tensor | None,
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Sequence[int],
) -> Drawn:
    width, height = size
    shape = (height, width)
    context = torch.library.get_ctx()
    there = device.machine_of(means, INSTRUCTION_SETS[flags[3]]) is not None
    declared = there and bool(flags[6])
    pairs = flags[4] if declared else context.new_dynamic_size() if there else 0
    return (
        means.new_empty(*shape, 3),
        means.new_empty(shape),
        means.new_empty(shape),
        means.new_empty(*(shape if flags[0] else (0, 0)), 3),
        means.new_empty(shape if flags[1] else (0, 0)),
        means.new_empty(context.new_dynamic_size(), dtype=torch.uint8),
        means.new_empty(context.new_dynamic_size() if there else 0, dtype=torch.uint8),
        means.new_empty(1 + flags[5] if there else 0, pairs, dtype=torch.int32),
    )


@torch.library.custom_op("videoengine::splat_rasterize_backward", mutates_args=())
def _backward(
    means: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
    logits: Tensor,
    harmonics: Tensor,
    pose: Tensor,
    background: Tensor,
    passed: Tensor,
    tiles: Tensor,
    pairs: Tensor,
    to_color: Tensor | None,
    to_depth: Tensor | None,
    to_alpha: Tensor | None,
    to_normal: Tensor | None,
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Sequence[int],
    absolute: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of the scene, the pose and the background, and the absolute ones."""
    scene = (means, quaternions, log_scales, logits, harmonics)
    out = [torch.empty_like(t) for t in (*scene, pose, background)]
    out.append(means.new_empty(len(means) if absolute else 0, 2))
    pictures = (to_color, to_depth, to_alpha, to_normal)
    if device.machine_of(means, INSTRUCTION_SETS[flags[3]]) is not None:
        kept = (passed, tiles, pairs)
        wanted = [*out[:7], out[7] if absolute else None]
        shot = (pose, background)
        device.backward(scene, shot, kept, pictures, wanted, numbers, size, _flags(flags))
        return out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7]
    arrays: list[Any] = [t.numpy() for t in out]
    _native.splat_backward(
        [t.detach().numpy() for t in scene],
        _shot(pose, background, numbers),
        size[0],
        size[1],
        passed.numpy(),
        [None if t is None else t.contiguous().numpy() for t in pictures],
        arrays if absolute else [*arrays[:-1], None],
        bool(flags[0]),
        bool(flags[2]),
        INSTRUCTION_SETS[flags[3]],
    )
    return out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7]


@_backward.register_fake
def _(
    means: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
    logits: Tensor,
    harmonics: Tensor,
    pose: Tensor,
    background: Tensor,
    passed: Tensor,
    tiles: Tensor,
    pairs: Tensor,
    to_color: Tensor | None,
    to_depth: Tensor | None,
    to_alpha: Tensor | None,
    to_normal: Tensor | None,
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Sequence[int],
    absolute: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    scene = (means, quaternions, log_scales, logits, harmonics, pose, background)
    a, b, c, d, e, f, g = (torch.empty_like(t) for t in scene)
    return a, b, c, d, e, f, g, means.new_empty(means.shape[0] if absolute else 0, 2)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, absolute, numbers, size, flags = inputs
    ctx.save_for_backward(*tensors, *output[5:])
    ctx.set_materialize_grads(False)
    ctx.numbers, ctx.size, ctx.flags, ctx.absolute = numbers, size, flags, absolute is not None
    ctx.mark_non_differentiable(*output[4:])


def _differentiate(
    ctx: Any,
    to_color: Tensor | None,
    to_depth: Tensor | None,
    to_alpha: Tensor | None,
    to_normal: Tensor | None,
    *_: Any,
) -> tuple[Tensor | None, ...]:
    *tensors, passed, tiles, pairs = ctx.saved_tensors
    pictures = (to_color, to_depth, to_alpha, to_normal if ctx.flags[0] else None)
    kept = (passed, tiles, pairs)
    out = _backward(*tensors, *kept, *pictures, ctx.numbers, ctx.size, ctx.flags, ctx.absolute)
    return (*out[:7], out[7] if ctx.absolute else None, None, None, None)


_forward.register_autograd(_differentiate, setup_context=_keep)


@torch.library.custom_op("videoengine::splat_note", mutates_args=("ledger",))
def _note(passed: Tensor, ledger: Tensor, machine: str) -> None:
    """Add what a pass came to to the ledger of a workspace."""
    device.note(passed, ledger, machine)


@_note.register_fake
def _(passed: Tensor, ledger: Tensor, machine: str) -> None:
    return None
