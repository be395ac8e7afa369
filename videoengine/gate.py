"""The Gates: no pixel leaves a case unless the privacy log opens the way.

For an export every sample of the privacy stage is known, so the rule is: a frame is shown only
between two neighbouring samples that both allow it, in a run of such samples that lasts the
sustain time, and not within the look-back before a sample that blanks. A missing sample, an
error, a disabled stage and an epoch's edge all break the run: what is unknown stays black.

Live, the samples to come are not known, so a frame is shown undelayed while the newest sample
allows it, is young enough, and stands in a run that has lasted the sustain time already.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.events import Event
from videoengine.frames import Frame, Pixels
from videoengine.media_time import NS_PER_SECOND
from videoengine.payloads import ViewCircle

SUSTAIN_NS: Final = NS_PER_SECOND
"""Re-entry needs this much unbroken evidence."""
LOOK_BACK_PERIODS: Final = 2
"""Leaving the body also blanks this many periods before the sample that saw it."""
JOIN_PERIODS: Final = 1.5
"""Two samples are neighbours when their stamps are less than this many periods apart."""
CIRCLE_STEP: Final = 0.005
"""A view circle that moved less than this fraction of the picture is the same circle."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one epoch in stamps: frames with start <= pts <= end are shown."""

    start_ns: int
    end_ns: int


@dataclass(slots=True)
class _Run:
    """Unbroken allowing samples."""

    start_ns: int
    last_ns: int
    end_ns: int
    count: int = 1


@dataclass(slots=True)
class Gate:
    """Decides, from the privacy events of one stream, which frames may be seen.

    Feed it the events of one run in log order, then `close` it. Memory grows with the number of
    changes, not with the length of the video.
    """

    period_ns: int
    """Period of the privacy stage."""
    _spans: dict[int, list[Span]] = field(default_factory=dict[int, list[Span]])
    _circles: list[tuple[tuple[int, int], ViewCircle | None]] = field(
        default_factory=list[tuple[tuple[int, int], ViewCircle | None]]
    )
    _run: _Run | None = None
    _epoch: int = -1
    _step_ns: int = 0
    _disc: _Disc = field(default_factory=lambda: _Disc())

    def add(self, event: Event) -> None:
        """Take a `privacy` or `quality` event into account; other kinds are ignored."""
        if event.kind == "privacy":
            self._sample(event)
        elif event.kind == "quality":
            self._circle(event)

    def _sample(self, event: Event) -> None:
        if event.epoch != self._epoch:
            self._end_run(None)
            self._epoch = event.epoch
        # Sparse video (stills at 1 fps) cannot be sampled at the stage's rate: its own frame
        # duration then takes the place of the period.
        self._step_ns = max(self.period_ns, event.end_ns - event.start_ns)
        run = self._run
        if event.payload.get("decision") != "allow":
            self._end_run(event.start_ns)
        elif run is not None and event.start_ns - run.last_ns < JOIN_PERIODS * self._step_ns:
            run.last_ns, run.end_ns, run.count = event.start_ns, event.end_ns, run.count + 1
        else:
            self._end_run(None)
            self._run = _Run(event.start_ns, event.start_ns, event.end_ns)

    def _end_run(self, blank_ns: int | None) -> None:
        run, self._run = self._run, None
        if run is None or run.count < 2 or run.end_ns - run.start_ns < SUSTAIN_NS:
            return
        end = run.last_ns
        if blank_ns is not None:
            end = min(end, blank_ns - LOOK_BACK_PERIODS * self._step_ns - 1)
        if end >= run.start_ns:
            self._spans.setdefault(self._epoch, []).append(Span(run.start_ns, end))

    def _circle(self, event: Event) -> None:
        row = event.payload.get("view_circle")
        circle = None if row is None else ViewCircle(**row)
        if self._circles and _alike(self._circles[-1][1], circle):
            return
        self._circles.append(((event.epoch, event.start_ns), circle))

    def close(self) -> Gate:
        """End the last run: nothing after the last sample is shown."""
        self._end_run(None)
        return self

    def spans(self, epoch: int) -> list[Span]:
        """Return the stretches of an epoch that are shown, in order."""
        return self._spans.get(epoch, [])

    def allows(self, epoch: int, pts_ns: int) -> bool:
        """Tell whether the frame with this stamp may be seen."""
        spans = self._spans.get(epoch, [])
        index = bisect_right(spans, pts_ns, key=lambda span: span.start_ns) - 1
        return index >= 0 and pts_ns <= spans[index].end_ns

    def circle(self, epoch: int, pts_ns: int) -> ViewCircle | None:
        """Return the view circle that holds at a stamp, if the quality stage saw one."""
        index = bisect_right(self._circles, (epoch, pts_ns), key=lambda row: row[0]) - 1
        if index < 0 or self._circles[index][0][0] != epoch:
            index += 1
        if index >= len(self._circles) or self._circles[index][0][0] != epoch:
            return None
        return self._circles[index][1]

    def show(self, frame: Frame, size: int | tuple[int, int] | None = None) -> Picture:
        """Return the picture of a frame as it may leave the case: the only way out for pixels."""
        width, height = frame.pixels.target_size(size)
        if not self.allows(frame.epoch, frame.pts_ns):
            return Picture(np.zeros((height, width, 3), np.uint8), True)
        circle = self.circle(frame.epoch, frame.pts_ns)
        return Picture(self._disc.inside(frame.pixels, circle, size), False)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the Gate let through."""

    rgb: NDArray[np.uint8]
    """uint8 (H, W, 3), RGB; black when blanked, and outside the view circle."""
    blanked: bool


@dataclass(slots=True)
class LiveGate:
    """Decides, from the privacy events of one live stream so far, whether a frame may be seen now.

    Feed it events as they are logged; it opens when the evidence is complete and closes at the
    first sample, error or silence that does not allow. Any thread may call any method.
    """

    period_ns: int
    """Period of the privacy stage."""
    stage: str = "privacy"
    """Whose `error` events close the gate."""
    _run: _Run | None = None
    _open_ns: int | None = None
    """Stamp from which frames are shown: that of the sample that completed the evidence."""
    _epoch: int = -1
    _step_ns: int = 0
    _circle: tuple[int, ViewCircle | None] = (-1, None)
    """Epoch and view circle of the newest quality sample."""
    _disc: _Disc = field(default_factory=lambda: _Disc())
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def add(self, event: Event) -> None:
        """Take an event into account as soon as it is stated."""
        with self._lock:
            if event.kind == "privacy":
                self._sample(event)
            elif event.kind == "quality":
                row = event.payload.get("view_circle")
                circle = None if row is None else ViewCircle(**row)
                if self._circle[0] != event.epoch or not _alike(self._circle[1], circle):
                    self._circle = (event.epoch, circle)
            elif event.kind == "gap" or (event.kind == "error" and event.stage == self.stage):
                self._close()

    def _sample(self, event: Event) -> None:
        if event.epoch != self._epoch:
            self._close()
            self._epoch = event.epoch
        self._step_ns = max(self.period_ns, event.end_ns - event.start_ns)
        if event.payload.get("decision") != "allow":
            self._close()
            return
        run = self._run
        if run is None or not 0 < event.start_ns - run.last_ns < JOIN_PERIODS * self._step_ns:
            self._close()
            self._run = _Run(event.start_ns, event.start_ns, event.end_ns)
            return
        run.last_ns, run.end_ns, run.count = event.start_ns, event.end_ns, run.count + 1
        if self._open_ns is None and run.end_ns - run.start_ns >= SUSTAIN_NS:
            self._open_ns = event.start_ns

    def _close(self) -> None:
        self._run = self._open_ns = None

    def allows(self, frame: Frame) -> bool:
        """Tell whether a frame may be seen at this moment."""
        with self._lock:
            return self._allows(frame)

    def _allows(self, frame: Frame) -> bool:
        run = self._run
        if run is None or self._open_ns is None or frame.epoch != self._epoch:
            return False
        late_ns = run.last_ns + LOOK_BACK_PERIODS * self._step_ns
        return self._open_ns <= frame.pts_ns <= late_ns

    def show(self, frame: Frame, size: int | tuple[int, int] | None = None) -> Picture:
        """Return the picture of a frame as it may be seen now: the only way out for live pixels."""
        with self._lock:
            allowed = self._allows(frame)
            circle = self._circle[1] if self._circle[0] == frame.epoch else None
        if allowed:
            with self._drawing:
                rgb = self._disc.inside(frame.pixels, circle, size)
            if self.allows(frame):  # what was stated while the picture was drawn counts too
                return Picture(rgb, False)
        width, height = frame.pixels.target_size(size)
        return Picture(np.zeros((height, width, 3), np.uint8), True)


class _Disc:
    """Blackens what lies outside a view circle; keeps the mask drawn last, which often holds."""

    def __init__(self) -> None:
        self._key: tuple[ViewCircle, int, int] | None = None
        self._mask: NDArray[np.uint8] = np.zeros((0, 0, 1), np.uint8)

    def inside(self, pixels: Pixels, circle: ViewCircle | None, size: Any) -> NDArray[np.uint8]:
        """Return a picture that is black outside the circle, if there is one."""
        rgb: NDArray[np.uint8] = pixels.rgb(size)
        if circle is None:
            return rgb
        height, width = rgb.shape[:2]
        if self._key != (circle, width, height):
            self._key, self._mask = (circle, width, height), _drawn(circle, width, height)
        return rgb * self._mask


def _drawn(circle: ViewCircle, width: int, height: int) -> NDArray[np.uint8]:
    """Return 1 inside the circle and 0 outside, (H, W, 1)."""
    y, x = np.ogrid[:height, :width]
    radius = circle.radius * width
    squared = (x + 0.5 - circle.cx * width) ** 2 + (y + 0.5 - circle.cy * height) ** 2
    inside: NDArray[np.uint8] = (squared <= radius * radius).astype(np.uint8)[:, :, None]
    return inside


def _alike(one: ViewCircle | None, other: ViewCircle | None) -> bool:
    if one is None or other is None:
        return one is other
    moved = (one.cx - other.cx, one.cy - other.cy, one.radius - other.radius)
    return max(map(abs, moved)) < CIRCLE_STEP
