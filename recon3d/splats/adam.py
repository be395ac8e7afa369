"""`SplatAdam`: Adam on the Gaussians that a picture showed, all their parameters in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.recon3d.splats.gaussians import FIELDS, Gaussians


@dataclass(frozen=True, slots=True)
class AdamRates:
    """How far a step goes; the defaults are those of Kerbl et al. 2023 for a scene of extent 1."""

    means: float = 1.6e-4
    quaternions: float = 1e-3
    log_scales: float = 5e-3
    logits: float = 5e-2
    harmonics: float = 2.5e-3
    """Of degree 0."""
    high_harmonics: float = 1.25e-4
    """Of degrees 1 to 3."""
    beta_first: float = 0.9
    beta_second: float = 0.999
    epsilon: float = 1e-15

    def __post_init__(self) -> None:
        """Refuse what makes no step."""
        *rates, first, second, epsilon = self.numbers()
        if not all(math.isfinite(rate) and rate >= 0 for rate in [*rates, epsilon]):
            raise UsageError("A rate is impossible", got=self, allowed="finite numbers, 0 or more")
        if not (0 <= first < 1 and 0 <= second < 1):
            raise UsageError("A beta is impossible", got=(first, second), allowed="0 to below 1")

    def numbers(self) -> list[float]:
        """Return them in the order of the native step."""
        rates = [self.means, self.quaternions, self.log_scales, self.logits]
        rates += [self.harmonics, self.high_harmonics]
        return [*rates, self.beta_first, self.beta_second, self.epsilon]


DEFAULTS: Final = AdamRates()


class SplatAdam:
    """Adam (Kingma and Ba 2015) that moves only the Gaussians that were seen.

    For them a step is that of `torch.optim.Adam` over all steps: one that rested through k steps
    has its moments times beta^k, as k gradients of 0 leave them. One thing is left out: a plain
    Adam goes on moving a parameter by what is left of its momentum; here what nobody sees stays
    where it is. Tensors of the Gaussians that need no gradient are frozen.
    """

    def __init__(self, gaussians: Gaussians, rates: AdamRates = DEFAULTS) -> None:
        """Start at step 0.

        Args:
            gaussians: Whose tensors are moved in place: leaves, packed.
            rates: How far a step goes.

        Raises:
            UsageError: Tensors that are no leaves, not packed, on neither CPU nor CUDA, or frozen,
                all of them.
        """
        self._fields = [t if t.requires_grad else None for t in gaussians.tensors]
        for name, tensor in zip(FIELDS, self._fields, strict=True):
            if tensor is not None and not (tensor.is_leaf and tensor.is_contiguous()):
                raise UsageError(
                    f"{name} cannot be moved in place",
                    got="a tensor computed from others" if not tensor.is_leaf else "a strided one",
                    allowed="a packed leaf: gaussians.map(lambda t: t.detach().clone()"
                    ".requires_grad_())",
                )
        if all(tensor is None for tensor in self._fields):
            raise UsageError("Nothing moves", got="no gradient is needed", allowed="one that is")
        means = gaussians.means
        if means.device.type not in ("cpu", "cuda"):
            raise UsageError("No step is taken there", got=means.device, allowed="cpu, cuda")
        self.rates = rates
        """May be replaced between steps."""
        self._count = len(gaussians)
        self._first = [None if t is None else torch.zeros_like(t) for t in self._fields]
        self._second = [None if t is None else torch.zeros_like(t) for t in self._fields]
        self._last = means.new_zeros(self._count, dtype=torch.int32)
        self._clock = means.new_zeros(_native.ADAM_CLOCK, dtype=torch.float64)
        self._faults = means.new_zeros(_native.ADAM_FAULTS, dtype=torch.int64)
        self._decays = means.new_zeros(self._count, 2)
        self._device = means.device

    @property
    def steps(self) -> int:
        """Return how many steps were taken; on a GPU this waits for it."""
        return int(self._clock[0])

    @torch.no_grad()
    def step(self, *, visible: Tensor | None = None, skip: Tensor | None = None) -> None:
        """Move the Gaussians by their gradients, which stay as they are.

        Args:
            visible: (N,), bool: who moves; by default those with any gradient that is not 0.
            skip: (1,), int64: where it is not 0, on the device, no step is taken; in a workspace
                `ledger[4:5]`.

        Raises:
            UsageError: A gradient is missing; on the CPU also: one is NaN or infinite, and then
                nothing was changed. On a GPU such a Gaussian rests, and `check` tells.
        """
        gradients = [self._gradient(*pair) for pair in zip(FIELDS, self._fields, strict=True)]
        self._check("visible", visible, (self._count,), torch.bool)
        self._check("skip", skip, (1,), torch.int64)
        lists = [self._fields, gradients, self._first, self._second]
        moved = [[t.detach() for t in tensors if t is not None] for tensors in lists]
        which = [f for f, t in enumerate(self._fields) if t is not None]
        state = [self._last, self._clock, self._faults, self._decays]
        fault = _step(*moved, visible, skip, *state, which, self.rates.numbers())
        if self._device.type == "cpu" and int(fault) >= 0:
            raise UsageError(
                f"The gradient of Gaussian {int(fault)} is no number",
                got="NaN or infinity",
                allowed="finite numbers",
                remedy="Nothing was moved; look for the loss that is no number.",
            )

    def check(self) -> None:
        """Refuse steps in which a gradient was NaN or infinite; on a GPU this waits for it."""
        rows, which = (int(number) for number in self._faults)
        if rows:
            raise UsageError(
                f"{rows} gradients of Gaussians were no numbers, the last of Gaussian {which}",
                got="NaN or infinity",
                allowed="finite numbers",
                remedy="They were not moved; look for the loss that is no number.",
            )

    def moved_to(self, gaussians: Gaussians, rows: Tensor) -> SplatAdam:
        """Return the optimizer of other Gaussians, at the same step.

        Args:
            gaussians: M of them, of the same dtype, degree and device.
            rows: (M,), int64: whose moments each of them takes over, -1 for none.
        """
        other = SplatAdam(gaussians, self.rates)
        other._check("rows", rows, (len(gaussians),), torch.int64)
        old = rows >= 0
        if bool((rows >= self._count).any()):
            raise UsageError(
                "No such Gaussian", got=int(rows.max()), allowed=f"-1 to {self._count - 1}"
            )
        for mine, theirs in ((self._first, other._first), (self._second, other._second)):
            for source, target in zip(mine, theirs, strict=True):
                if source is not None and target is not None:
                    target[old] = source[rows[old]]
        other._last[old] = self._last[rows[old]]
        other._clock.copy_(self._clock)
        return other

    def _gradient(self, name: str, tensor: Tensor | None) -> Tensor | None:
        if tensor is None:
            return None
        if tensor.grad is None:
            raise UsageError(
                f"{name} have no gradient", got="None", allowed="the gradient of a loss",
                remedy="Call backward() first; a tensor that needs no gradient is frozen.",
            )  # fmt: skip
        return tensor.grad.contiguous()

    def _check(
        self, name: str, tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype
    ) -> None:
        if tensor is None:
            return
        got = (tuple(tensor.shape), tensor.dtype, tensor.device)
        if got != (shape, dtype, self._device):
            raise UsageError(
                f"{name} does not go with the Gaussians",
                got=f"{got[1]} {got[0]} on {got[2]}",
                allowed=f"{dtype} {shape} on {self._device}",
            )


@torch.library.custom_op(
    "videoengine::splat_adam",
    mutates_args=("values", "first", "second", "last", "clock", "faults", "decays"),
)
def _step(
    values: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    visible: Tensor | None,
    skip: Tensor | None,
    last: Tensor,
    clock: Tensor,
    faults: Tensor,
    decays: Tensor,
    which: Sequence[int],
    numbers: Sequence[float],
) -> Tensor:
    """Take a step with the fields `which`; return the Gaussian whose gradient is none, or -1."""
    count = last.shape[0]
    lists: list[Tensor | None] = []
    for tensors in (values, gradients, first, second):
        every: list[Tensor | None] = [None] * len(FIELDS)
        for f, tensor in zip(which, tensors, strict=True):
            every[f] = tensor.detach().reshape(count, -1 if count else 1)
        lists += every
    widths = [0 if t is None else t.shape[1] for t in lists[: len(FIELDS)]]
    state = [None if visible is None else visible.view(torch.uint8), skip, last, clock, faults]
    state.append(decays)
    wide = decays.dtype == torch.float64
    if decays.device.type == "cpu":
        arrays: list[Any] = [None if t is None else t.numpy() for t in lists]
        others: list[Any] = [None if t is None else t.numpy() for t in state]
        return torch.tensor(_native.adam_step(arrays, others, count, widths, list(numbers), wide))
    places = [0 if t is None else t.data_ptr() for t in lists]
    beside = [0 if t is None else t.data_ptr() for t in state]
    with torch.cuda.device(decays.device):
        stream = torch.cuda.current_stream().cuda_stream
        _native.adam_step_cuda(places, beside, count, widths, list(numbers), wide, stream)
    return torch.tensor(-1)


@_step.register_fake
def _(
    values: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    visible: Tensor | None,
    skip: Tensor | None,
    last: Tensor,
    clock: Tensor,
    faults: Tensor,
    decays: Tensor,
    which: Sequence[int],
    numbers: Sequence[float],
) -> Tensor:
    return torch.empty((), dtype=torch.int64)
