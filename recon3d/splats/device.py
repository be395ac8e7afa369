"""The rasterizer on a device: who runs it, the bytes it works in, and the way there and back.

Every array comes from torch's allocator, in the current stream; what is queued never waits for the
host. The host waits only for the 64 bytes that say how much a picture needs, and not while a graph
is captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.recon3d.splats.workspace import refuse_fault, refuse_overflow

MACHINES: Final = {
    ("cuda", "best"): "cuda",
    ("cuda", "baseline"): "cuda exact",
    ("cpu", "emulated"): "emulated",
}
_STATE: Final = 64
"""Bytes at the start of a front: fault, pairs needed, whether the pass was skipped."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What an operator is told beside tensors, as a list of integers."""

    normals: bool
    median: bool
    cull: bool
    instruction_set: str
    capacity: int
    """Most pairs; 0 for any number."""
    deterministic: bool
    declared: bool
    """Whether the capacity is that of a workspace: no size depends on what the device finds."""


def machine_of(means: Tensor, instruction_set: str) -> str | None:
    """Return the device machine for tensors, None for the loops of the CPU.

    Raises:
        UsageError: There is none, or it does not take this dtype.
    """
    kind = means.device.type
    if kind == "cpu" and instruction_set != "emulated":
        return None
    machine = MACHINES.get((kind, instruction_set))
    if machine is None:
        known = " or ".join(f"{name} on {where}" for where, name in MACHINES)
        raise UsageError(
            "No kernels are made for this",
            got=f"instruction_set {instruction_set!r} on {means.device}",
            allowed=f"best, baseline, scalar on the CPU; {known}",
        )
    if means.dtype != torch.float32:
        raise UsageError(
            "The kernels of a device take single numbers",
            got=means.dtype,
            allowed="float32; float64 on the CPU",
        )
    if kind == "cuda" and not _native.built_with_cuda():
        raise UsageError(
            "This build has no CUDA kernels",
            got=f"tensors on {means.device}",
            allowed="tensors on the CPU",
            remedy="build with VIDEOENGINE_CUDA=on, where nvcc is",
        )
    return machine


def _on(device: torch.device) -> AbstractContextManager[Any]:
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _stream(device: torch.device) -> int:
    return int(torch.cuda.current_stream(device).cuda_stream) if device.type == "cuda" else 0


def _capturing(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _room(like: Tensor, size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8, device=like.device)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _job(
    scene: Sequence[Tensor],
    shot: Sequence[Tensor],
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Flags,
) -> _native.SplatDeviceJob:
    machine = machine_of(scene[0], flags.instruction_set)
    assert machine is not None
    bases = scene[4].shape[1]
    return _native.SplatDeviceJob(
        machine,
        _stream(scene[0].device),
        [t.data_ptr() for t in scene],
        len(scene[0]),
        round(bases**0.5) - 1,
        [t.data_ptr() for t in shot],
        [*numbers[:4], *numbers[13:]],
        list(numbers[4:6]),
        list(numbers[6:13]),
        size[0],
        size[1],
        flags.capacity if flags.declared else _native.SPLAT_MOST_PAIRS,
        [flags.normals, flags.median, flags.cull, flags.deterministic],
    )


class _Watch:
    """A copy of a front's first bytes on its way to the host, behind what is queued so far."""

    def __init__(self, front: Tensor) -> None:
        state = front[:_STATE].view(torch.int64)
        self._event: torch.cuda.Event | None = None
        self._copy = state
        if front.device.type == "cuda":
            self._copy = torch.empty(state.shape, dtype=state.dtype, pin_memory=True)
            self._copy.copy_(state, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def needed(self) -> int:
        """Wait; raise for what is no Gaussian; return the pairs that the picture needs."""
        if self._event is not None:
            self._event.synchronize()
        fault, needed = self._copy[:2].tolist()
        refuse_fault(fault)
        return int(needed)


def forward(
    scene: Sequence[Tensor],
    shot: Sequence[Tensor],
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Flags,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return color, depth, alpha, normal, median, and the three parts of the pass.

    Args:
        scene: Means, quaternions, log scales, logits, harmonics; packed float32 on one device.
        shot: Pose and background.
        numbers: Lens, lamp and rules, as `rasterize` lists them.
        size: Width and height.
        flags: What is drawn.
    """
    means, (width, height) = scene[0], size
    with _on(means.device):
        job = _job(scene, shot, numbers, size, flags)
        front, counted = (_room(means, job.bytes(part)) for part in ("front", "count"))
        job.count(front.data_ptr(), counted.data_ptr())
        watch = None if flags.declared and _capturing(means.device) else _Watch(front)
        capacity = flags.capacity
        if not flags.declared:
            assert watch is not None
            needed = watch.needed()
            refuse_overflow(needed, flags.capacity or _native.SPLAT_MOST_PAIRS)
            capacity = max(needed, 1)
            job.set_capacity(capacity)
        tiles, scratch = (_room(means, job.bytes(part)) for part in ("tiles", "draw"))
        pairs = torch.empty(
            1 + int(flags.deterministic), capacity, dtype=torch.int32, device=means.device
        )
        color, depth, alpha = (means.new_empty(height, width, *rest) for rest in ((3,), (), ()))
        normal = means.new_empty(*((height, width) if flags.normals else (0, 0)), 3)
        median = means.new_empty((height, width) if flags.median else (0, 0))
        out = (
            color,
            depth,
            alpha,
            normal if flags.normals else None,
            median if flags.median else None,
        )
        job.draw(
            front.data_ptr(),
            [tiles.data_ptr(), pairs.data_ptr()],
            counted.data_ptr(),
            scratch.data_ptr(),
            [_address(t) for t in out],
        )
        if flags.declared and watch is not None:
            refuse_overflow(watch.needed(), capacity)
    return color, depth, alpha, normal, median, front, tiles, pairs


def backward(
    scene: Sequence[Tensor],
    shot: Sequence[Tensor],
    passed: Sequence[Tensor],
    pictures: Sequence[Tensor | None],
    out: Sequence[Tensor | None],
    numbers: Sequence[float],
    size: Sequence[int],
    flags: Flags,
) -> None:
    """Fill the gradients `out` from those of the pictures."""
    front, tiles, pairs = passed
    means = scene[0]
    with _on(means.device):
        job = _job(scene, shot, numbers, size, flags)
        job.set_capacity(pairs.shape[1])
        scratch = _room(means, job.bytes("backward"))
        kept = [None if t is None else t.contiguous() for t in pictures]
        job.backward(
            front.data_ptr(),
            [tiles.data_ptr(), pairs.data_ptr()],
            scratch.data_ptr(),
            [_address(t) for t in kept],
            [_address(t) for t in out],
        )


def note(front: Tensor, ledger: Tensor, machine: str) -> None:
    """Add what a pass came to to a workspace's ledger, on the device."""
    with _on(front.device):
        _native.splat_device_note(
            machine, _stream(front.device), front.data_ptr(), ledger.data_ptr()
        )
