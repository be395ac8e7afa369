"""Room that is declared once, so that no step waits for the device to say how much it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError

_NO_FAULT: Final = (1 << 64) - 1
_OF_THE_SHOT: Final = _NO_FAULT >> 3
_FAULTS: Final = {
    1: ("is not finite", "NaN or infinity", "finite numbers"),
    2: ("has no rotation", "a quaternion of length 0", "any other length"),
    3: ("is too large", "a log scale above 16", "at most 16"),
}
_LEDGER: Final = (0, 0, 0, -1, 0)
"""Steps, skipped ones, the most pairs, the first fault, whether the last was skipped."""


def refuse_fault(fault: int) -> None:
    """Raise for what the device found in a scene or a shot; nothing when it found nothing."""
    fault &= _NO_FAULT
    if fault == _NO_FAULT:
        return
    number, code = fault >> 3, fault & 7
    which = "camera_from_world or background" if number == _OF_THE_SHOT else f"Gaussian {number}"
    what, got, allowed = _FAULTS[code]
    raise UsageError(f"{which} {what}", got=got, allowed=allowed)


def refuse_overflow(needed: int, capacity: int) -> None:
    """Raise when a picture needs more pairs of splat and tile than there is room for."""
    if needed > capacity:
        raise UsageError(
            "the capacity is too small",
            got=f"{needed} pairs of splat and tile",
            allowed=f"at most the capacity, {capacity}",
            remedy="raise it, or give none for any number",
        )


@dataclass(frozen=True, slots=True)
class StepReport:
    """What the steps in a workspace came to."""

    steps: int
    skipped: int
    """Steps that were not drawn: their pictures are the background, their gradients 0."""
    most_needed: int
    """The most pairs of splat and tile that a step asked for."""


class SplatWorkspace:
    """A declared capacity on one device, and a ledger of the steps that used it.

    A step within it is queued without waiting for the device, so it may be captured in a CUDA graph
    with its way back. Outside a capture a scene that does not fit is an error at once. Within one,
    the device skips the step: its pictures are the background, its gradients are 0, and the ledger
    keeps that until `clear`. `check` tells the host at most one step later.
    """

    __slots__ = ("_copy", "_event", "capacity", "ledger")

    def __init__(self, capacity: int, device: torch.device | str) -> None:
        """Declare room.

        Args:
            capacity: Most pairs of splat and 16 x 16 tile in one picture, 1 to 2^31 - 1.
            device: Where pictures are drawn.
        """
        if not 1 <= capacity <= _native.SPLAT_MOST_PAIRS:
            raise UsageError(
                "A workspace has an impossible capacity",
                got=capacity,
                allowed=f"1 to {_native.SPLAT_MOST_PAIRS}",
            )
        self.capacity: Final = capacity
        self.ledger: Final[Tensor] = torch.tensor(_LEDGER, dtype=torch.int64, device=device)
        """(5,) int64 on the device; `ledger[4]` is 1 when the last step was skipped."""
        self._copy: Tensor | None = None
        self._event: torch.cuda.Event | None = None

    def check(self, *, wait: bool = False) -> None:
        """Raise if a step was skipped since the last `clear`.

        Args:
            wait: Look at every step that was queued, which waits for the device. Else look at what
                had been done when `check` was called before, and begin to fetch the next.

        Raises:
            UsageError: Steps were skipped, and why; or a graph is being captured.
        """
        seen = self._fetched(wait=wait)
        if seen is None:
            return
        _, skipped, most, fault, _ = seen
        if skipped:
            refuse_fault(fault)
            refuse_overflow(most, self.capacity)

    def report(self) -> StepReport:
        """Return what the steps came to; waits for the device."""
        seen = self._fetched(wait=True)
        steps, skipped, most, _, _ = seen if seen is not None else _LEDGER
        return StepReport(steps, skipped, most)

    def clear(self) -> None:
        """Forget the steps so far."""
        self._copy = self._event = None
        self.ledger.copy_(torch.tensor(_LEDGER, dtype=torch.int64))

    def _fetched(self, *, wait: bool) -> list[int] | None:
        if self.ledger.device.type != "cuda":
            return self.ledger.tolist()
        if torch.cuda.is_current_stream_capturing():
            raise UsageError(
                "A workspace is looked at while a graph is captured",
                got="check or report within the capture",
                allowed="outside, after a replay",
            )
        if wait:
            return self.ledger.tolist()
        seen: list[int] | None = None
        if self._copy is not None and self._event is not None:
            self._event.synchronize()
            seen = self._copy.tolist()
        with torch.cuda.device(self.ledger.device):
            self._copy = torch.empty(len(_LEDGER), dtype=torch.int64, pin_memory=True)
            self._copy.copy_(self.ledger, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        return seen
