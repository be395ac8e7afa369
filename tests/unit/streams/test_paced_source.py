"""Replay at its own pace: the same frames, none before it is due."""

from __future__ import annotations

import threading
import time

from support.fakes import FakeSource

from videoengine.streams import PacedSource


def test_frames_come_unchanged_and_none_before_it_is_due() -> None:
    stamps = [*range(0, 400, 40), *range(1600, 1800, 40)]
    plain = [(f.epoch, f.pts_ns, f.seq) for f in FakeSource(stamps)]
    began = time.monotonic_ns()
    seen: list[tuple[int, int, int]] = []
    for frame in PacedSource(FakeSource(stamps)):
        assert time.monotonic_ns() - began >= frame.pts_ns
        assert frame.arrival_ns <= time.monotonic_ns()
        seen.append((frame.epoch, frame.pts_ns, frame.seq))
    assert seen == plain


def test_close_ends_a_wait() -> None:
    source = PacedSource(FakeSource([0, 40, 900]))
    frames = iter(source)
    next(frames)
    next(frames)
    threading.Timer(0.05, source.close).start()
    began = time.monotonic()
    assert next(frames, None) is None
    assert time.monotonic() - began < 0.8
