"""What must hold before a time is reported: recon3d.md section 7's gates.

The reference is the native rasterizer in float64 on the CPU, which the unit tests hold against
autograd to 1e-9.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any, Final

import torch
from splats_gpu_arms import OursFixed, Seen, Session
from splats_gpu_cases import Case
from torch import Tensor

from videoengine.recon3d.splats import rasterize

NAMES: Final = ("means", "quaternions", "log_scales", "logits", "harmonics", "pose")
LIMITS: Final = {
    "color, mean": 1e-5,
    "color, 999 of 1000": 5e-4,
    "color, worst": 8e-3,  # two steps of the least alpha
    "depth, mean": 1e-4,  # relative, where alpha is above 1/2
    "depth, 999 of 1000": 2e-3,
    "gradient": 1e-3,  # relative, by norm
    "1 - cosine": 1e-4,
    "repeated": 1e-6,  # gradients of two runs; 0 in the deterministic mode
}
GATE_VIEWS: Final = (0, 3, 5)
"""One decision at the edge of a splat can be most of a view's error: medians are compared."""
LEAST_PSNR: Final = 60.0
"""dB, of ours to gsplat at full size."""
WORST_RATIO: Final = 2.0
"""Our gradients' error over gsplat's own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A view in float64."""

    color: Tensor
    depth: Tensor
    alpha: Tensor
    gradients: tuple[Tensor, ...]


def reference_of(case: Case, view: int) -> Reference:
    """Return what float64 draws, and the gradients of the case's weighting."""
    leaves = case.scene.map(lambda t: t.double().cpu().requires_grad_())
    pose = case.poses[view].double().cpu().requires_grad_()
    drawn = rasterize(leaves, case.camera, pose)
    weights = [case.to_color.double().cpu(), case.to_depth.double().cpu()]
    gradients = torch.autograd.grad([drawn.color, drawn.depth], [*leaves.tensors, pose], weights)
    return Reference(drawn.color.detach(), drawn.depth.detach(), drawn.alpha.detach(), gradients)


def spread(difference: Tensor, name: str) -> dict[str, float]:
    ordered = difference.flatten().sort().values
    return {
        f"{name}, mean": float(ordered.mean()),
        f"{name}, 999 of 1000": float(ordered[int(0.999 * (len(ordered) - 1))]),
        f"{name}, worst": float(ordered[-1]),
    }


def errors_of(session: Session, reference: Reference, view: int) -> dict[str, Any]:
    """Return how far an arm is from float64: its picture and each of its gradients."""
    color, depth, _ = (None if t is None else t.double().cpu() for t in session.forward(view))
    assert color is not None
    found: dict[str, Any] = spread((color - reference.color).abs(), "color")
    if depth is not None:
        seen = reference.alpha > 0.5
        found |= spread(((depth - reference.depth).abs() / reference.depth)[seen], "depth")
        gradients = [None if g is None else g.double().cpu() for g in session.both(view)]
        found["finite"] = all(bool(torch.isfinite(g).all()) for g in gradients if g is not None)
        found["gradients"] = {
            name: compared(own, right)
            for name, own, right in zip(NAMES, gradients, reference.gradients, strict=True)
            if own is not None
        }
    return found


def middle(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number; what is no number must hold in all."""
    out: dict[str, Any] = {}
    for key, first in found[0].items():
        values = [one[key] for one in found]
        if isinstance(first, dict):
            out[key] = middle(values)
        else:
            out[key] = all(values) if isinstance(first, bool) else statistics.median(values)
    return out


def compared(own: Tensor, right: Tensor) -> dict[str, float]:
    """Return the relative difference by norm, and 1 - cosine."""
    cosine = torch.nn.functional.cosine_similarity(own.flatten(), right.flatten(), dim=0)
    return {
        "gradient": float((own - right).norm() / right.norm()),
        "1 - cosine": max(float(1 - cosine), 0.0),
    }


def repeated(session: Session, view: int) -> float:
    """Return the largest relative difference of the gradients of two runs."""
    first = [g.clone() for g in session.both(view)]
    again = session.both(view)
    pairs = zip(first, again, strict=True)
    return max(float((a - b).norm() / b.norm().clamp(min=1e-30)) for a, b in pairs)


def failures_of(name: str, found: dict[str, Any], gsplat: dict[str, Any] | None) -> list[str]:
    """Return which limits our arm breaks, in words."""
    lines = [
        f"{name}: {key} is {found[key]:.3g}, allowed {limit:g}"
        for key, limit in LIMITS.items()
        if key in found and not found[key] <= limit
    ]
    if not found["finite"]:
        lines.append(f"{name}: a gradient is not finite")
    for tensor, errors in found["gradients"].items():
        lines += [
            f"{name}: {key} of {tensor} is {error:.3g}, allowed {LIMITS[key]:g}"
            for key, error in errors.items()
            if not error <= LIMITS[key]
        ]
        if gsplat is not None and tensor in gsplat["gradients"]:
            theirs = gsplat["gradients"][tensor]["gradient"]
            if not errors["gradient"] <= WORST_RATIO * theirs:
                lines.append(
                    f"{name}: the error of {tensor} is {errors['gradient']:.3g}, "
                    f"allowed {WORST_RATIO:g} times gsplat's {theirs:.3g}"
                )
    return lines


def psnr(one: Seen, other: Seen) -> float:
    """Return the PSNR of two colors in 0 to 1, in dB."""
    error = float((one[0] - other[0]).double().square().mean())
    return -10 * math.log10(max(error, 1e-20))


def passed(sessions: list[Session], case: Case) -> tuple[dict[str, Any], list[str]]:
    """Return every arm's errors on a small case, and what ours break.

    Args:
        sessions: Of the case, by arm.
        case: Small enough for float64.
    """
    references = {view: reference_of(case, view) for view in GATE_VIEWS}
    errors = {
        session.name: middle(
            [errors_of(session, right, view) for view, right in references.items()]
        )
        for session in sessions
    }
    gsplat = errors.get("gsplat")
    broken: list[str] = []
    for session in sessions:
        if not session.name.startswith("ours"):
            continue
        found = errors[session.name]
        found["repeated"] = repeated(session, GATE_VIEWS[0])
        broken += failures_of(session.name, found, gsplat)
        if isinstance(session, OursFixed) and found["repeated"] > 0:
            broken.append(f"{session.name}: two runs differ by {found['repeated']:.3g}, allowed 0")
    return errors, broken
