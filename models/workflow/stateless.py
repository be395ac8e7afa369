"""What stages share that keep nothing from one sample to the next; imports no torch."""

from __future__ import annotations

from videoengine.stages import StageSpec


class Stateless:
    """What stages share that keep nothing from one sample to the next."""

    _spec: StageSpec

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        return self._spec

    def open(self, stream_id: str) -> None:
        """There is no state."""

    def encode(self, state: None) -> bytes:
        """Return nothing: there is no state."""
        return b""

    def decode(self, data: bytes) -> None:
        """Return what `encode` wrote: nothing."""
