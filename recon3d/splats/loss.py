"""`photometric_loss`: a splatted picture against a photograph, by one walk forward and one back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError

DEPTH_TERMS: Final = ("l1", "pearson")


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term of the loss counts; the defaults are those of Kerbl et al. 2023."""

    l1: float = 0.8
    dssim: float = 0.2
    """Of 1 - SSIM."""
    depth: float = 0.1
    """Counts where depths are given."""
    depth_term: Literal["l1", "pearson"] = "l1"
    """`l1`: the mean difference, for depths in the units of the scene; `pearson`: 1 - correlation,
    for depths whose scale and shift are unknown."""

    def __post_init__(self) -> None:
        """Refuse what is no weight."""
        if not all(math.isfinite(weight) and weight >= 0 for weight in self.numbers()):
            raise UsageError(
                "A weight is impossible", got=self.numbers(), allowed="finite numbers, 0 or more"
            )
        if self.depth_term not in DEPTH_TERMS:
            raise UsageError(
                "No such depth_term", got=repr(self.depth_term), allowed=", ".join(DEPTH_TERMS)
            )

    def numbers(self) -> list[float]:
        """Return them in the order of the native loss."""
        return [self.l1, self.dssim, self.depth]


@dataclass(frozen=True, slots=True)
class PhotometricLoss:
    """The loss, through which gradients flow, and its terms before their weights, for a log."""

    total: Tensor
    """()."""
    l1: Tensor
    """(): mean of |color - target| over seen pixels and colors; 0 where nothing is seen."""
    dssim: Tensor
    """(): 1 - mean of SSIM over seen pixels and colors; 0 where nothing is seen."""
    depth: Tensor
    """(): 0 without depths, or where none was measured."""


DEFAULTS: Final = LossWeights()


def photometric_loss(
    color: Tensor,
    target: Tensor,
    *,
    mask: Tensor | None = None,
    depth: Tensor | None = None,
    target_depth: Tensor | None = None,
    weights: LossWeights = DEFAULTS,
) -> PhotometricLoss:
    """Compare a picture with a photograph; gradients flow to `color` and `depth`.

    SSIM is that of Wang et al. 2004: a Gaussian window of 11 x 11 pixels and 1.5 px, for pictures
    in 0 to 1. At the border and beside masked pixels the window holds what is seen and sums to 1
    again; masked pixels are never looked at, whatever they hold.

    Args:
        color: (H, W, 3), float32 or float64.
        target: As color.
        mask: (H, W), bool: which pixels are compared; all by default.
        depth: (H, W), z as the rasterizer draws it.
        target_depth: (H, W); what is not above 0 or not finite was not measured.
        weights: Of the terms.

    Raises:
        UsageError: Shapes, dtypes or devices that do not fit; on the CPU, a loss that is NaN or
            infinite. On a GPU that is not waited for: the loss itself is then NaN or infinite.
    """
    _check("color", color, (*color.shape[:2], 3), color)
    size = tuple(color.shape[:2])
    if color.dtype not in (torch.float32, torch.float64):
        raise UsageError("color has the wrong dtype", got=color.dtype, allowed="float32, float64")
    _check("target", target, (*size, 3), color)
    if (depth is None) != (target_depth is None):
        raise UsageError(
            "A depth is missing", got="one of depth and target_depth", allowed="both, or neither"
        )
    for name, tensor in (("depth", depth), ("target_depth", target_depth)):
        if tensor is not None:
            _check(name, tensor, size, color)
    if mask is not None:
        _check("mask", mask, size, color, torch.bool)
    tensors = (color, target, mask, depth, target_depth)
    packed = [None if t is None else t.contiguous() for t in tensors]
    pearson = weights.depth_term == "pearson"
    total, terms, _, _ = _forward(*packed, weights.numbers(), pearson)
    if total.device.type == "cpu" and not torch.compiler.is_compiling():
        _refuse_no_number(total)
    return PhotometricLoss(total.reshape(()), *terms.unbind())


def _check(
    name: str, tensor: Tensor, shape: tuple[int, ...], like: Tensor, dtype: Any = None
) -> None:
    if tuple(tensor.shape) != shape or 0 in shape:
        allowed = "(H, W, 3)" if name == "color" else shape
        raise UsageError(f"{name} has the wrong shape", got=tuple(tensor.shape), allowed=allowed)
    dtype = like.dtype if dtype is None else dtype
    if tensor.dtype != dtype or tensor.device != like.device:
        raise UsageError(
            f"{name} does not go with the color",
            got=f"{tensor.dtype} on {tensor.device}",
            allowed=f"{dtype} on {like.device}",
        )
    if tensor.device.type not in ("cpu", "cuda"):
        raise UsageError(
            f"{name} lies where no loss is computed", got=tensor.device, allowed="cpu, cuda"
        )


def _refuse_no_number(total: Tensor) -> None:
    if not bool(torch.isfinite(total.detach()).all()):
        raise UsageError(
            "The loss is no number",
            got=float(total.detach()),
            allowed="color, target and depth that are finite wherever the mask is set",
        )


def _arrays(tensors: Sequence[Tensor | None]) -> list[Any]:
    """Return what the native loss of the CPU takes; a mask as bytes."""
    return [
        None
        if t is None
        else (t.view(torch.uint8) if t.dtype == torch.bool else t).detach().numpy()
        for t in tensors
    ]


def _addresses(tensors: Sequence[Tensor | None]) -> list[int]:
    return [0 if t is None or t.numel() == 0 else t.data_ptr() for t in tensors]


def _on_device(
    forward: bool,
    pictures: Sequence[Tensor | None],
    weights: Sequence[float],
    pearson: bool,
    out: Sequence[Tensor],
) -> None:
    color = pictures[0]
    assert color is not None
    if not _native.built_with_cuda():
        raise UsageError(
            "The pictures are on a CUDA device",
            got="a build without CUDA",
            allowed="VIDEOENGINE_CUDA=on at build time",
        )
    height, width = color.shape[:2]
    with torch.cuda.device(color.device):
        _native.photometric_cuda(
            forward, color.dtype == torch.float64, _addresses(pictures), width, height,
            list(weights), pearson, _addresses(out), torch.cuda.current_stream().cuda_stream,
        )  # fmt: skip


@torch.library.custom_op("videoengine::photometric_loss", mutates_args=())
def _forward(
    color: Tensor,
    target: Tensor,
    mask: Tensor | None,
    depth: Tensor | None,
    target_depth: Tensor | None,
    weights: Sequence[float],
    pearson: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return total (1,) and terms (3,), and maps and state for the way back."""
    height, width = color.shape[:2]
    total, terms = color.new_empty(1), color.new_empty(3)
    maps = color.new_empty(_native.PHOTOMETRIC_MAPS, height, width)
    state = color.new_empty(_native.PHOTOMETRIC_STATES, dtype=torch.float64)
    pictures = (color, target, mask, depth, target_depth)
    if color.device.type == "cuda":
        length = _native.photometric_cuda_scratch(width, height) if _native.built_with_cuda() else 1
        scratch = color.new_empty(length, dtype=torch.float64)
        _on_device(True, pictures, weights, pearson, (total, terms, maps, state, scratch))
    else:
        out = _arrays((total, terms, maps, state))
        _native.photometric_forward(_arrays(pictures), width, height, list(weights), pearson, out)
    return total, terms, maps, state


@_forward.register_fake
def _(
    color: Tensor,
    target: Tensor,
    mask: Tensor | None,
    depth: Tensor | None,
    target_depth: Tensor | None,
    weights: Sequence[float],
    pearson: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = color.shape[:2]
    maps = color.new_empty(_native.PHOTOMETRIC_MAPS, height, width)
    state = color.new_empty(_native.PHOTOMETRIC_STATES, dtype=torch.float64)
    return color.new_empty(1), color.new_empty(3), maps, state


@torch.library.custom_op("videoengine::photometric_loss_backward", mutates_args=())
def _backward(
    to_total: Tensor,
    color: Tensor,
    target: Tensor,
    mask: Tensor | None,
    depth: Tensor | None,
    target_depth: Tensor | None,
    maps: Tensor,
    state: Tensor,
    weights: Sequence[float],
    pearson: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of color, and of depth: (0,) without one."""
    to_color = torch.empty_like(color)
    to_depth = color.new_empty(0) if depth is None else torch.empty_like(depth)
    pictures = (color, target, mask, depth, target_depth)
    to_total = to_total.contiguous()
    if color.device.type == "cuda":
        out = (to_total, maps, state, to_color, to_depth)
        _on_device(False, pictures, weights, pearson, out)
    else:
        height, width = color.shape[:2]
        _native.photometric_backward(
            _arrays(pictures), width, height, list(weights), pearson,
            _arrays((to_total, maps, state)),
            _arrays((to_color, None if depth is None else to_depth)),
        )  # fmt: skip
    return to_color, to_depth


@_backward.register_fake
def _(
    to_total: Tensor,
    color: Tensor,
    target: Tensor,
    mask: Tensor | None,
    depth: Tensor | None,
    target_depth: Tensor | None,
    maps: Tensor,
    state: Tensor,
    weights: Sequence[float],
    pearson: bool,
) -> tuple[Tensor, Tensor]:
    to_depth = color.new_empty(0) if depth is None else torch.empty_like(depth)
    return torch.empty_like(color), to_depth


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *pictures, weights, pearson = inputs
    ctx.save_for_backward(*pictures, output[2], output[3])
    ctx.weights, ctx.pearson = weights, pearson
    ctx.mark_non_differentiable(output[1], output[2], output[3])


def _differentiate(ctx: Any, to_total: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    *pictures, maps, state = ctx.saved_tensors
    to_color, to_depth = _backward(to_total, *pictures, maps, state, ctx.weights, ctx.pearson)
    return to_color, None, None, None if pictures[3] is None else to_depth, None, None, None


_forward.register_autograd(_differentiate, setup_context=_keep)
