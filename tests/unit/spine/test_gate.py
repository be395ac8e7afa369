"""The Gate fails closed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events import NS, event, gap, privacy, quality
from support.fakes import gray

from videoengine.events import Event
from videoengine.frames import Frame, Pixels
from videoengine.gate import Gate, LiveGate

PERIOD = NS // 5


def gate(*events: Event) -> Gate:
    made = Gate(PERIOD)
    for one in events:
        made.add(one)
    return made.close()


def samples(
    pattern: str, *, step_s: float = 0.2, start_s: float = 0.0, **options: object
) -> list[Event]:
    """Return a sample a character: `a` allows, `b` blanks, `.` is missing."""
    return [
        privacy(start_s + index * step_s, mark == "a", **options)  # type: ignore[arg-type]
        for index, mark in enumerate(pattern)
        if mark != "."
    ]


def shown(made: Gate, *, epoch: int = 0, until_s: float = 4.0) -> str:
    """Return `a` or `b` for each frame at 25 fps."""
    frames = range(round(until_s * 25))
    return "".join("a" if made.allows(epoch, n * NS // 25) else "b" for n in frames)


def test_without_a_privacy_event_nothing_is_shown() -> None:
    assert "a" not in shown(gate())
    assert "a" not in shown(gate(quality(0.0), quality(0.2)))


def test_frames_between_allowing_samples_are_shown_up_to_the_last_sample() -> None:
    assert shown(gate(*samples("a" * 11))) == "a" * 51 + "b" * 49


def test_evidence_shorter_than_a_second_shows_nothing() -> None:
    assert "a" not in shown(gate(*samples("aaaaa")))
    assert "a" in shown(gate(*samples("aaaaaa")))


def test_one_blanking_sample_looks_back_two_periods_and_waits_for_sustained_evidence() -> None:
    text = shown(gate(*samples("aaaaaaaaabaaaaaa")))
    assert text[:35] == "a" * 35, "1.8 s minus two periods is 1.4 s"
    assert text[35:50] == "b" * 15, "until the first allowing sample at 2.0 s"
    assert text[50:76] == "a" * 26


def test_reentry_that_is_not_sustained_stays_black() -> None:
    assert "a" not in shown(gate(*samples("baaaabaaaabaaaab")))


def test_a_missing_sample_breaks_the_run() -> None:
    text = shown(gate(*samples("aaaaaaaa.aaaaaaaa")))
    assert text[36:45] == "b" * 9
    assert text[:36] == "a" * 36


def test_an_epoch_starts_black_whatever_came_before() -> None:
    made = gate(*samples("a" * 10), *samples("aaa", start_s=2.0, epoch=1))
    assert "a" not in shown(made, epoch=1)


def test_one_still_a_second_is_bracketed_at_its_own_rate() -> None:
    made = gate(*samples("aaaba", step_s=1.0, duration_s=1.0))
    assert [made.allows(0, n * NS) for n in range(5)] == [True, False, False, False, False]


def test_a_single_still_is_never_enough() -> None:
    assert "a" not in shown(gate(*samples("a", duration_s=1.0)))


@pytest.mark.parametrize("payload", [{}, {"decision": "yes"}, {"decision": None}])
def test_an_unknown_decision_blanks(payload: dict[str, object]) -> None:
    events = samples("a" * 12)
    events[6] = dataclasses.replace(events[6], payload=payload)
    assert shown(gate(*events))[20:36] == "b" * 15 + "b"


@given(st.text(alphabet="ab.", min_size=1, max_size=60))
def test_no_frame_is_shown_that_lies_within_reach_of_a_blank_or_missing_sample(
    pattern: str,
) -> None:
    made = gate(*samples(pattern))
    for number, mark in enumerate(shown(made, until_s=len(pattern) / 5)):
        if mark == "a":
            cell, rest = divmod(number, 5)
            around = pattern[cell : cell + 2] if rest else pattern[cell : cell + 1]
            assert around == ("aa" if rest else "a")
            ahead = [i for i in range(len(pattern)) if pattern[i] == "b" and i * 5 > number]
            assert all(i * 5 - number > 10 for i in ahead[:1])


def frame(value: int, pts_s: float = 0.2) -> Frame:
    return Frame("s0", "mono", 0, 5, 0, round(pts_s * NS), NS // 25, 0, "stream", gray(value))


def test_a_blanked_picture_is_black_and_never_reads_the_pixels() -> None:
    blank = gate()
    source = frame(200)
    picture = blank.show(source)
    assert picture.blanked
    assert picture.rgb.shape == (8, 16, 3)
    assert not picture.rgb.any()
    assert source.pixels._planes is None


def test_outside_the_view_circle_is_black() -> None:
    circle = {"cx": 0.5, "cy": 0.5, "radius": 0.2}
    open_gate = gate(quality(0.0, circle=circle), *samples("a" * 10))
    rgb = open_gate.show(frame(200)).rgb
    assert rgb[4, 8].min() > 150
    assert rgb[0, 0].max() == 0
    assert np.count_nonzero(rgb[:, :, 0]) == pytest.approx(np.pi * (0.2 * 16) ** 2, abs=6)


def live(*events: Event) -> LiveGate:
    made = LiveGate(PERIOD)
    for one in events:
        made.add(one)
    return made


def at(seconds: float, *, epoch: int = 0, value: int = 200) -> Frame:
    ns = round(seconds * NS)
    return Frame("s0", "mono", epoch, 0, 0, ns, NS // 25, 0, "stream", gray(value))


def test_the_live_gate_opens_when_a_second_of_evidence_is_complete_and_not_before() -> None:
    assert not live().allows(at(0.0))
    assert not live(*samples("aaaaa")).allows(at(0.9))
    opened = live(*samples("aaaaaa"))
    assert opened.allows(at(1.0))
    assert opened.allows(at(1.36))
    assert not opened.allows(at(0.96)), "what came before the evidence was complete stays black"


def test_the_live_gate_blanks_at_once_and_waits_for_fresh_evidence() -> None:
    made = live(*samples("a" * 10 + "b"))
    assert not any(made.allows(at(n / 25)) for n in range(100))
    for sample in samples("aaaaa", start_s=2.2):
        made.add(sample)
    assert not made.allows(at(3.0))
    made.add(privacy(3.2))
    assert made.allows(at(3.2))


def test_the_live_gate_is_black_when_the_newest_sample_is_two_periods_old() -> None:
    made = live(*samples("a" * 10))
    assert made.allows(at(1.8 + 0.4))
    assert not made.allows(at(1.8 + 0.44))


@pytest.mark.parametrize(
    "closing",
    [
        event("error", 2.0, {"what": "failed"}, stage="privacy"),
        gap(1, 2.0, 5.0, 3.0),
        privacy(2.1),  # fine: the sample below breaks the order
        privacy(2.6),
        privacy(1.8),
        event("privacy", 2.0, {}),
        event("privacy", 2.0, {"decision": "unknown"}),
        privacy(0.0, epoch=1),
    ],
    ids=["error", "gap", "early", "late", "repeated", "empty", "unknown", "epoch"],
)
def test_the_live_gate_closes_on_whatever_breaks_the_evidence(closing: Event) -> None:
    made = live(*samples("a" * 10), closing)
    if closing.start_ns == round(2.1 * NS):
        made.add(privacy(2.0))
    assert not any(made.allows(at(n / 25, epoch=e)) for n in range(100) for e in (0, 1))


def test_the_live_gate_shows_no_frame_of_another_epoch() -> None:
    made = live(*samples("a" * 10))
    assert not made.allows(at(1.9, epoch=1))
    assert not made.allows(at(1.9, epoch=-1))


def test_another_stages_error_does_not_close_the_live_gate() -> None:
    assert live(
        *samples("a" * 10), event("error", 1.9, {"what": "failed"}, stage="quality")
    ).allows(at(1.9))


def test_the_live_gate_blackens_outside_the_newest_view_circle() -> None:
    circle = {"cx": 0.5, "cy": 0.25, "radius": 0.2}
    made = live(quality(0.0), *samples("a" * 10), quality(1.8, circle=circle))
    picture = made.show(at(1.9))
    assert not picture.blanked
    assert picture.rgb[4, 8].max() > 100
    assert picture.rgb[0, 0].max() == 0
    hidden = made.show(at(9.0), 4)
    assert hidden.blanked
    assert hidden.rgb.max() == 0


def test_a_sample_that_blanks_while_the_picture_is_drawn_counts() -> None:
    made = live(*samples("a" * 10))

    def planes() -> tuple[np.ndarray, ...]:
        made.add(privacy(2.0, False))
        return (np.full((8, 16), 200, np.uint8),)

    frame = dataclasses.replace(at(1.9), pixels=Pixels(planes, layout="gray", size=(16, 8)))
    assert made.show(frame).blanked
