"""Stages: the protocol every model stands behind, and the check of their graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from videoengine.cards import ModelCard
from videoengine.errors import ModelError, UsageError, nearest
from videoengine.events import Draft, Event
from videoengine.frames import Clip


@dataclass(frozen=True, slots=True)
class StageContext:
    """What the engine tells a stage when it is made."""

    modality: str = "unknown"
    procedure: str | None = None
    """A name, `unknown`, or None while nobody has decided."""
    decided: Mapping[str, Any] | None = None
    """How `procedure` came about: `by` (caller, first pass, stream), and after a pass over the
    video `probabilities` by vocabulary id and the number of `samples`."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What a stage asks of the engine."""

    name: str
    card: ModelCard
    rate_hz: float
    """Samples a second of media time: the first frame at or after each tick is taken."""
    window: int = 1
    """Samples in a clip."""
    stride: int = 1
    """Samples between the ends of two clips."""
    samples_last: bool = False
    """Also take the last frame of every epoch (window 1 only): the gate needs both brackets."""
    input_size: tuple[int, int] | None = None
    """(width, height) the stage asks of `rgb`, or None when it reads planes."""
    input_layout: str = "planes"
    device: str = "cpu"
    """Where it runs. What follows a slash names a thread: `cpu/privacy` is served by a thread of
    its own, which no other stage can delay."""
    max_batch: int = 1
    max_wait_ms: float = 10.0
    """Of a live feed: how long a clip waits for others to share its batch; at most 10 ms."""
    latency_budget_ms: float = 1000.0
    """A call that outlives ten times this is abandoned."""
    shed_order: int | None = None
    """Under overload a lower one is thinned first; None is never shed (privacy). By convention
    language models 10, splats 20, depth 30, segmentation 40, instruments 50, phase 60, quality 70.
    """
    needs: tuple[str, ...] = ()
    taught_on: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of a need: `model_hash` of the one provider that the stage understands; others are refused.
    """
    provides: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Resolved options, JSON values; their hash is the event's `config_hash`."""

    def __post_init__(self) -> None:
        """Refuse numbers that no engine can serve."""
        positive = {
            "rate_hz": self.rate_hz,
            "window": self.window,
            "stride": self.stride,
            "max_batch": self.max_batch,
            "latency_budget_ms": self.latency_budget_ms,
        }
        for name, value in positive.items():
            if not value > 0:
                raise UsageError(
                    f"Stage {self.name!r}: {name} must be positive", got=value, allowed="> 0"
                )
        if self.samples_last and self.window != 1:
            raise UsageError(f"Stage {self.name!r}: samples_last needs window 1", got=self.window)


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array handed in memory from one stage to those that need it; never logged."""

    name: str
    array: NDArray[Any]
    scale: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One clip of one stream for a stage."""

    stream_id: str
    state: Any
    clip: Clip
    inputs: Mapping[str, NamedArray] = field(default_factory=dict[str, NamedArray])
    """Newest array of each name in `needs` that is not later than the clip's end."""


@dataclass(frozen=True, slots=True)
class Result:
    """A stage's answer to one Work: what it states, what it hands on, and its state after."""

    events: tuple[Draft, ...] = ()
    outputs: tuple[NamedArray, ...] = ()
    state: Any = None


class Stage(Protocol):
    """A model or a rule. State belongs to the stream, so one stage serves and batches many."""

    @property
    def spec(self) -> StageSpec:
        """What the stage asks of the engine."""
        ...

    def open(self, stream_id: str) -> Any:
        """Return the state for the start of an epoch of a stream."""
        ...

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Return one Result per Work, in order."""
        ...

    def encode(self, state: Any) -> bytes:
        """Return the state as bytes; `decode` of them gives an equal state."""
        ...

    def decode(self, data: bytes) -> Any:
        """Return the state that `encode` wrote."""
        ...


@runtime_checkable
class Closing(Protocol):
    """What a stage may offer besides: a second look at what it stated, with hindsight."""

    @property
    def closing_name(self) -> str:
        """Name under which that is logged: the stage's, a dot and a word, as `phase.smoothed`."""
        ...

    def at_close(self, events: Iterable[Event]) -> Iterator[tuple[Event, Draft]]:
        """Go through what the stage stated about one stream, in order, when the run closes.

        A pure function of `events`, so that a run broken here is finished by calling it again.

        Returns:
            Drafts, each with its times and with the event that it is about: epoch and evidence
            are that event's.
        """
        ...


def ordered(specs: Sequence[StageSpec]) -> list[int]:
    """Return the indices of `specs` so that providers come before those that need them.

    Raises:
        UsageError: A name is used twice, a need has no provider (with the nearest name), or the
            needs form a circle.
        ModelError: A need is provided by another model than the one that the stage was taught on.
    """
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError("Two stages have the same name", got=name, allowed="distinct names")
    providers: dict[str, int] = {}
    for index, spec in enumerate(specs):
        for array in spec.provides:
            if array in providers:
                raise UsageError(
                    f"Two stages provide {array!r}",
                    got=f"{specs[providers[array]].name} and {spec.name}",
                    allowed="one provider",
                )
            providers[array] = index
    for spec in specs:
        for need in spec.needs:
            if need not in providers:
                raise UsageError(
                    f"Stage {spec.name!r} needs {need!r}, which no stage provides",
                    allowed=", ".join(sorted(providers)) or "nothing is provided",
                    remedy=nearest(need, providers) or "Add a stage that provides it.",
                )
            _check_taught_on(spec, need, specs[providers[need]])
    return _topological(specs, providers)


def _check_taught_on(spec: StageSpec, need: str, provider: StageSpec) -> None:
    """Refuse a provider whose arrays mean something else to a stage that was taught on another."""
    wanted, found = spec.taught_on.get(need), provider.card.model_hash
    if wanted is not None and wanted != found:
        raise ModelError(
            f"Stage {spec.name!r} was taught on {need!r} of another model",
            got=f"{provider.name} {found[:12]}",
            allowed=wanted[:12],
            remedy="Give it the model with the weights that it was taught on, or teach it anew.",
        )


def _topological(specs: Sequence[StageSpec], providers: Mapping[str, int]) -> list[int]:
    done: list[int] = []
    waiting = list(range(len(specs)))
    while waiting:
        ready = [i for i in waiting if all(providers[n] in done for n in specs[i].needs)]
        if not ready:
            circle = ", ".join(specs[i].name for i in waiting)
            raise UsageError("Stages need each other in a circle", got=circle, allowed="no circle")
        done.append(ready[0])
        waiting.remove(ready[0])
    return done
