"""What was seen at work, held against where the camera was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from support.ask_cases import STAGES, Made, make_case
from support.events import event, privacy, run_line

from videoengine.case import Case
from videoengine.events import Event
from videoengine.models.vlm.conversation import Conversation
from videoengine.models.vlm.index import open_index
from videoengine.models.vlm.inside import LAG_NS, InBody
from videoengine.timeline import TimelineBuilder, closed_runs

NS = 1_000_000_000
HOOK = {"label": {"vocabulary": "v", "id": 0, "name": "hook"}, "box": None, "mask": None,
        "track": None}  # fmt: skip


def passed(events: Iterable[Event], *, stages: dict[str, object] | None = None) -> list[float]:
    """Return when the instruments lie that count, in seconds."""
    opened, closed = run_line("opened"), run_line("closed", 100, ordinal=1)
    for line in (opened, closed):
        line.payload["stages"] = STAGES if stages is None else stages
    runs = closed_runs([opened, closed])
    builder = TimelineBuilder(runs)
    inside = InBody(builder, runs)
    found: list[Event] = []
    for one in events:
        builder.add(one)
        found += inside.add(one)
    return [one.start_ns / NS for one in (*found, *inside.close())]


def seen(at_s: float) -> Event:
    return event("instrument", at_s, HOOK, stage="instruments")


def where(*allowed: tuple[float, float], until: float = 4.0) -> list[Event]:
    """Return privacy samples, five a second, in the body within stretches."""
    times = [n / 5 for n in range(round(until * 5))]
    return [privacy(at, any(a <= at < b for a, b in allowed)) for at in times]


def in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda one: (one.start_ns, one.stage))


def test_samples_between_samples_in_the_body_count_and_those_outside_do_not() -> None:
    samples = [seen(n / 25) for n in range(100)]
    got = passed(in_order([*where((1.0, 2.0)), *samples]))
    assert got == [n / 25 for n in range(25, 50)]


def test_it_does_not_matter_whether_the_place_or_the_sample_is_stated_first() -> None:
    rows = [*where((1.0, 2.0)), *(seen(n / 5) for n in range(20))]
    first = passed(sorted(rows, key=lambda one: (one.start_ns, one.stage == "privacy")))
    last = passed(sorted(rows, key=lambda one: (one.start_ns, one.stage != "privacy")))
    assert first == last == [1.0, 1.2, 1.4, 1.6, 1.8]


def test_a_place_that_is_stated_late_is_waited_for() -> None:
    assert passed([*(seen(n / 5) for n in range(20)), *where((1.0, 2.0))]) == [
        1.0, 1.2, 1.4, 1.6, 1.8,
    ]  # fmt: skip


def test_where_no_stage_looked_for_the_body_everything_counts() -> None:
    stages = {name: row for name, row in STAGES.items() if name != "privacy"}
    assert passed([seen(1.0), seen(2.0)], stages=stages) == [1.0, 2.0]
    assert passed([seen(1.0), seen(2.0)]) == [1.0, 2.0]


def test_what_waits_for_a_stage_that_stopped_is_bounded() -> None:
    opened, closed = run_line("opened"), run_line("closed", 100, ordinal=1)
    for line in (opened, closed):
        line.payload["stages"] = STAGES
    runs = closed_runs([opened, closed])
    inside = InBody(TimelineBuilder(runs), runs)
    inside.add(privacy(0.0, True))
    for second in range(1000):
        inside.add(seen(float(second)))
    assert len(inside._waiting) <= LAG_NS // NS + 1  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def beyond(tmp_path: Path) -> Path:
    """A case that a model sees hooks in, and that is out of the body all along."""
    rows: list[Made] = []
    for second in range(20):
        rows += [Made.privacy(second + part / 5, out=True) for part in range(5)]
        rows += [Made.phase(second, "Preparation"), Made.instrument(second, "hook", None)]
    return make_case(tmp_path / "case", rows)


@pytest.mark.parametrize(
    "question",
    [
        "Is a hook in view?",
        "How long is the hook in view between 0:05 and 0:10?",
        "Which instruments are used?",
        "Which phase is under way at 0:10?",
        "How often does the clipper come into view?",
        "How many phases are there?",
    ],
)
def test_of_a_case_out_of_the_body_nothing_is_said(beyond: Path, question: str) -> None:
    with Case.open(beyond) as case, open_index(case) as index:
        reply = Conversation(index).ask(question)
    assert reply.status == "not_observable"
    assert "nothing is said about the operation" in reply.text


def test_of_a_stretch_out_of_the_body_nothing_is_said(tmp_path: Path) -> None:
    rows: list[Made] = []
    for second in range(20):
        rows += [Made.privacy(second + part / 5, out=second >= 10) for part in range(5)]
        rows.append(Made.instrument(second, "hook", None))
    path = make_case(tmp_path / "case", rows)
    with Case.open(path) as case, open_index(case) as index:
        talk = Conversation(index)
        late = talk.ask("How long is the hook in view between 0:12 and 0:15?")
        assert (late.status, "between 0:00:12 and 0:00:15" in late.text) == ("not_observable", True)
        assert talk.ask("How long is the hook in view?").value == 10.0


def test_a_moment_that_is_not_certain_to_be_in_the_body_says_so(tmp_path: Path) -> None:
    rows: list[Made] = []
    for second in range(20):
        for part in range(5):
            sample = Made.privacy(second + part / 5, out=second >= 10)
            if second >= 10:
                sample.payload["reason"] = "unknown"
            rows.append(sample)
        rows.append(Made.instrument(second, "hook", None))
    path = make_case(tmp_path / "case", rows)
    with Case.open(path) as case, open_index(case) as index:
        talk = Conversation(index)
        assert talk.ask("How many instruments are in view at 0:05?").value == 1
        reply = talk.ask("How many instruments are in view at 0:15?")
    assert reply.status == "not_observable"
    assert "it is not certain that the camera is in the body" in reply.text
