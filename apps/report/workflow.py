"""What was done: phases, instruments and actions, as the recognisers stated them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from videoengine.apps.report.html import counted, exact, length, listing, section, table, text
from videoengine.apps.wording import plain
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import Segment, Timeline, owner

KINDS: Final = ("procedure", "phase", "step", "instrument", "triplet")
"""Kinds that have their place here and are not listed among the findings."""
COLORS: Final = 8
"""Phases told apart by color; further ones begin again with the first."""
INSTRUMENTS: Final = 10
"""Rows of instruments, those seen longest."""
ACTIONS: Final = 12
"""Rows of the table of actions, the most frequent ones."""
SMOOTHED: Final = "."
"""In the name of a stage: what it stated with hindsight, when the run closed."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch in which one phase was stated; times are case time in nanoseconds."""

    name: str
    start_ns: int
    end_ns: int
    color: int
    """By the order in which the phases first appear."""


def words(name: str) -> str:
    """Return a label as words: `CalotTriangleDissection` becomes `Calot triangle dissection`."""
    spaced = "".join(
        f" {letter.lower()}" if letter.isupper() and index and name[index - 1].islower() else letter
        for index, letter in enumerate(name)
    )
    return plain(spaced)


def phases(timeline: Timeline) -> list[Phase]:
    """Return the phases in order: those stated with hindsight, where there are any."""
    return _joined(timeline, _chosen(timeline.of("phase")))


def is_smoothed(timeline: Timeline) -> bool:
    """Tell whether the phases were stated with hindsight."""
    return any(SMOOTHED in segment.stage for segment in timeline.of("phase"))


def _chosen(segments: list[Segment]) -> list[Segment]:
    return [s for s in segments if SMOOTHED in s.stage] or segments


def _joined(timeline: Timeline, segments: list[Segment]) -> list[Phase]:
    """Return stretches that reach to the next one, where it follows at the next sample."""
    colors: dict[str, int] = {}
    rows: list[Phase] = []
    for index, segment in enumerate(segments):
        color = colors.setdefault(segment.name, len(colors) % COLORS)
        end_ns = _reach(timeline, segment)
        if index + 1 < len(segments):
            end_ns = min(end_ns, segments[index + 1].start_ns)
        rows.append(Phase(segment.name, segment.start_ns, end_ns, color))
    return rows


def _reach(timeline: Timeline, segment: Segment) -> int:
    """Return where a segment's last sample stops speaking: at the next tick of its stage."""
    stages = timeline.run.get("stages", {})
    rate_hz = float(stages.get(owner(segment.stage, stages), {}).get("rate_hz", 1.0))
    return min(timeline.end_ns, segment.end_ns + round(NS_PER_SECOND / rate_hz))


def spans_of(timeline: Timeline, kind: str) -> dict[str, list[tuple[int, int]]]:
    """Return the stretches in case time of each name of a kind, the longest in all first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for segment in timeline.of(kind):
        found.setdefault(segment.name, []).append((segment.start_ns, _reach(timeline, segment)))
    return dict(sorted(found.items(), key=lambda item: (-_total(item[1]), item[0])))


def _total(spans: Iterable[tuple[int, int]]) -> int:
    """Return the length of all stretches, what they share counted once."""
    total, at = 0, -1
    for start_ns, end_ns in sorted(spans):
        total += max(0, end_ns - max(at, start_ns))
        at = max(at, end_ns)
    return total


def procedure(timeline: Timeline) -> str | None:
    """Return the procedure that the recognisers stated last, or None."""
    stated = timeline.of("procedure")
    return stated[-1].name if stated else None


def workflow(timeline: Timeline) -> str:
    """Return the section about what was done, or nothing when no recogniser spoke."""
    rows = phases(timeline)
    instruments, actions = spans_of(timeline, "instrument"), spans_of(timeline, "triplet")
    if not rows and not instruments and not actions:
        return ""
    body = _phase_table(timeline, rows) + _seen(instruments) + _action_table(actions)
    return section("workflow", "What was done", body, _caution(timeline))


def _caution(timeline: Timeline) -> str:
    """Say plainly when what follows comes from models that saw simulated procedures only."""
    names = simulated_only(timeline)
    if not names:
        return ""
    stages = listing([text(name) for name in names])
    return (
        f"<strong>Trained on simulated procedures only</strong>: {stages}. How well this holds on "
        "real tissue is not established; read it as a demonstration."
    )


def simulated_only(timeline: Timeline) -> list[str]:
    """Return the stages whose model was trained on simulated procedures and nothing else."""
    names: list[str] = []
    for name, row in timeline.run.get("stages", {}).items():
        trained = str((row.get("about") or {}).get("trained_on", "")).lower()
        if "simulat" in trained and name not in ("quality", "privacy"):
            names.append(name)
    return names


def _phase_table(timeline: Timeline, rows: list[Phase]) -> str:
    if not rows:
        return ""
    order = list(dict.fromkeys(row.name for row in rows))
    cells: list[list[str]] = []
    for name in order:
        spans = [row for row in rows if row.name == name]
        total = sum(row.end_ns - row.start_ns for row in spans)
        swatch = (
            f'<svg width="12" height="12" aria-hidden="true"><rect class="phase-{spans[0].color}"'
        )
        cells.append(
            [
                f'{swatch} width="12" height="12"/></svg> {text(words(name))}',
                f'<span class="time">{exact(spans[0].start_ns)}</span>',
                f'<span class="time">{exact(spans[-1].end_ns)}</span>',
                length(total),
                f"{len(spans)}",
            ]
        )
    how = "with hindsight, when the run closed" if is_smoothed(timeline) else "as the video ran"
    head = ("Phase", "First begins", "Last ends", "Lasts in all", "Stretches")
    note = f'<p class="lead">Phases as stated {how}.</p>'
    return note + table(head, cells, label="Phases")


def _seen(instruments: dict[str, list[tuple[int, int]]]) -> str:
    if not instruments:
        return ""
    cells = [
        [text(words(name)), length(_total(spans)), f"{len(spans)}"]
        for name, spans in list(instruments.items())[:INSTRUMENTS]
    ]
    return table(("Instrument", "Seen for", "Stretches"), cells, label="Instruments")


def _action_table(actions: dict[str, list[tuple[int, int]]]) -> str:
    if not actions:
        return ""
    cells = [
        [text(name), length(_total(spans)), f"{len(spans)}", exact(spans[0][0])]
        for name, spans in list(actions.items())[:ACTIONS]
    ]
    more = len(actions) - ACTIONS
    note = f'<p class="lead">and {counted(more, "rarer action")}.</p>' if more > 0 else ""
    head = ("Action: instrument, verb, target", "Lasts in all", "Stretches", "First")
    return table(head, cells, label="Most frequent actions") + note
