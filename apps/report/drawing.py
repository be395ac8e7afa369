"""The timeline, drawn: one axis in case time, one row per signal, inline SVG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from videoengine.apps.report.findings import Finding, Span, Story
from videoengine.apps.report.html import exact, length, moment, text
from videoengine.apps.report.workflow import INSTRUMENTS, Phase, phases, spans_of, words
from videoengine.apps.wording import QUALITY, plain
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import SEVERE, SEVERITIES, Series, Timeline

STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Distances between two ticks, in seconds."""
TICKS: Final = 8
PLOT: Final = 34
"""Height of a plotted row in pixels."""
BAR: Final = 20
WIDTH: Final = 1000
"""Units across a plot, whatever its width on the page."""
PERCENT_A_LETTER: Final = 0.9
"""Room that a letter in a bar needs, in percent of the plot's width."""
BREAK_PERIODS: Final = 3
"""A signal is drawn through when its next point is nearer than this many periods."""


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    height: int
    svg: str
    says: str
    """What the row shows, for those who do not see it."""


def draw(story: Story) -> str:
    """Return the timeline as HTML: labels in a column, one SVG a row, a shared axis."""
    timeline = story.timeline
    end_ns = max(1, timeline.end_ns)
    rows = list(_rows(story, end_ns))
    cells: list[str] = []
    for row in rows:
        cells.append(f'<div class="label">{text(row.label)}</div>')
        cells.append(
            f'<svg class="row" role="img" aria-label="{text(f"{row.label}: {row.says}")}" '
            f'height="{row.height}">{row.svg}</svg>'
        )
    grid = _overlay(story, end_ns)
    return (
        f'<div class="chart">{"".join(cells)}<div class="label axis-label">time</div>'
        f'<div class="axis">{_axis(end_ns)}</div><div class="over">{grid}</div></div>'
        f"{_legend(story)}"
    )


def _x(case_ns: int, end_ns: int) -> float:
    return 100 * min(max(case_ns, 0), end_ns) / end_ns


def _rect(start_ns: int, stop_ns: int, end_ns: int, y: int, height: int | str, style: str) -> str:
    x = _x(start_ns, end_ns)
    # A very short stretch must stay visible on a long axis.
    width = max(0.25, _x(stop_ns, end_ns) - x)
    return (
        f'<rect class="{style}" x="{min(x, 99.75):.3f}%" y="{y}" width="{width:.3f}%" '
        f'height="{height}"/>'
    )


def _rows(story: Story, end_ns: int) -> Iterator[_Row]:
    timeline = story.timeline
    yield _gate_row(story, end_ns)
    if "out_of_body" in timeline.series:
        series = timeline.series["out_of_body"]
        svg = _area(series, timeline, "privacy", end_ns, "plot-privacy")
        yield _Row("Out-of-body evidence", PLOT, svg, _peak(series))
    for name in SEVERITIES:
        if name not in timeline.series:
            continue
        series = timeline.series[name]
        flagged = [row for row in story.findings if row.kind == "quality" and row.name == name]
        svg = _area(series, timeline, "quality", end_ns, "plot") + _threshold()
        svg += "".join(_rect(r.start_ns, r.end_ns, end_ns, PLOT - 4, 4, "flag") for r in flagged)
        yield _Row(QUALITY[name], PLOT, svg, f"{_peak(series)}; {_spans(flagged)}")
    frozen = [row for row in story.findings if row.kind == "quality" and row.name == "frozen"]
    if frozen:
        svg = "".join(_rect(r.start_ns, r.end_ns, end_ns, 6, 8, "flag") for r in frozen)
        yield _Row(QUALITY["frozen"], BAR, svg, _spans(frozen))
    yield from _workflow_rows(timeline, end_ns)
    yield from _labelled_rows(story, end_ns)
    troubles = [row for row in story.findings if row.kind in ("error", "refusal", "drop")]
    if troubles:
        svg = "".join(_flag(row, end_ns) for row in troubles)
        yield _Row(_trouble_label(troubles), BAR, svg, _spans(troubles))
    slower = [row for row in story.findings if row.kind == "load_shed"]
    if slower:
        svg = "".join(_rect(r.start_ns, r.end_ns, end_ns, 6, 8, "flag") for r in slower)
        yield _Row("Analyzed less often", BAR, svg, _spans(slower))


def _trouble_label(rows: list[Finding]) -> str:
    kinds = {row.kind for row in rows}
    if kinds == {"drop"}:
        return "Samples dropped"
    return "Errors and drops" if "drop" in kinds else "Errors and refusals"


def _gate_row(story: Story, end_ns: int) -> _Row:
    shown: list[str] = []
    at = 0
    holes = [(row.start_ns, row.end_ns) for row in story.hidden]
    holes += [(gap.start_ns, gap.end_ns) for gap in story.gaps]
    for start, stop in sorted(holes):
        if start > at:
            shown.append(_rect(at, start, end_ns, 4, BAR - 8, "shown"))
        at = max(at, stop)
    if end_ns > at:
        shown.append(_rect(at, end_ns, end_ns, 4, BAR - 8, "shown"))
    hidden = [_rect(r.start_ns, r.end_ns, end_ns, 2, BAR - 4, "hidden") for r in story.hidden]
    svg = "".join([*shown, *hidden])
    return _Row("Pictures", BAR, svg, f"hidden: {_spans(story.hidden)}")


def _workflow_rows(timeline: Timeline, end_ns: int) -> Iterator[_Row]:
    rows = phases(timeline)
    if rows:
        svg = "".join(_phase(row, end_ns) for row in rows)
        says = [f"{words(p.name)} from {exact(p.start_ns)} to {exact(p.end_ns)}" for p in rows[:40]]
        yield _Row("Phase", BAR + 6, svg, ", ".join(says))
    for name, spans in list(spans_of(timeline, "instrument").items())[:INSTRUMENTS]:
        bars = [_rect(start, stop, end_ns, 4, BAR - 8, "labelled") for start, stop in spans]
        says = [f"from {exact(start)} to {exact(stop)}" for start, stop in spans[:6]]
        yield _Row(words(name), BAR, "".join(bars), ", ".join(says))


def _phase(row: Phase, end_ns: int) -> str:
    """Return a stretch of the strip, with its name where there is room."""
    bar = _rect(row.start_ns, row.end_ns, end_ns, 1, BAR + 4, f"phase-{row.color}")
    left, right = _x(row.start_ns, end_ns), _x(row.end_ns, end_ns)
    name = words(row.name)
    if right - left < PERCENT_A_LETTER * len(name):
        return bar
    middle = (left + right) / 2
    place = f'x="{middle:.3f}%" y="17" text-anchor="middle"'
    return f'{bar}<text class="inside" {place}>{text(name)}</text>'


def _labelled_rows(story: Story, end_ns: int) -> Iterator[_Row]:
    known = ("quality", "privacy", "gap", "reconnect", "error", "refusal", "drop", "load_shed")
    others: dict[tuple[str, str], list[Finding]] = {}
    for row in story.findings:
        if row.kind not in known and row.samples:
            others.setdefault((row.kind, row.name), []).append(row)
    for (kind, name), rows in others.items():
        svg = "".join(_rect(r.start_ns, r.end_ns, end_ns, 4, BAR - 8, "labelled") for r in rows)
        yield _Row(f"{plain(kind)}: {name}", BAR, svg, _spans(rows))


def _area(series: Series, timeline: Timeline, stage: str, end_ns: int, style: str) -> str:
    """Return a filled curve; it is broken where the stage said nothing."""
    rate = float(timeline.run["stages"].get(stage, {}).get("rate_hz", 5.0))
    reach = BREAK_PERIODS * NS_PER_SECOND / rate + series.bin_ns
    paths: list[str] = []
    run: list[tuple[float, float]] = []
    last = 0
    for index in sorted(series.points):
        if run and (index - last) * series.bin_ns > reach:
            paths.append(_closed(run))
            run = []
        x = WIDTH * min(end_ns, index * series.bin_ns) / end_ns
        right = WIDTH * min(end_ns, (index + 1) * series.bin_ns) / end_ns
        y = PLOT - (PLOT - 4) * min(1.0, max(0.0, series.points[index]))
        run += [(x, y), (right, y)]
        last = index
    if run:
        paths.append(_closed(run))
    return (
        f'<svg viewBox="0 0 {WIDTH} {PLOT}" width="100%" height="{PLOT}" '
        f'preserveAspectRatio="none"><path class="{style}" d="{"".join(paths)}"/></svg>'
    )


def _closed(points: list[tuple[float, float]]) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f"M{points[0][0]:.1f},{PLOT} L{line} L{points[-1][0]:.1f},{PLOT}Z"


def _threshold() -> str:
    y = PLOT - (PLOT - 4) * SEVERE
    return f'<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>'


def _flag(row: Finding, end_ns: int) -> str:
    """Return a mark with a letter in it: E for an error, R for a refusal, D for drops."""
    x = min(98.5, max(1.5, _x(row.start_ns, end_ns)))
    letter = row.kind[0].upper()
    return (
        f'<circle class="trouble" cx="{x:.3f}%" cy="10" r="8"/>'
        f'<text class="letter" x="{x:.3f}%" y="14" text-anchor="middle">{letter}</text>'
    )


def _overlay(story: Story, end_ns: int) -> str:
    """Return what runs through all rows: ticks, gaps, and where an epoch begins."""
    lines = [_upright(at, end_ns, "tick") for at in _ticks(end_ns)]
    for gap in story.gaps:
        if gap.end_ns > gap.start_ns:
            lines.append(_rect(gap.start_ns, gap.end_ns, end_ns, 0, "100%", "gap"))
    lines += [_upright(gap.start_ns, end_ns, "epoch") for gap in _seams(story)]
    pattern = (
        '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="hatch-ground" width="7" height="7"/>'
        '<line class="hatch-line" x1="0" x2="0" y1="0" y2="7"/></pattern></defs>'
    )
    return f'<svg aria-hidden="true">{pattern}{"".join(lines)}</svg>'


def _seams(story: Story) -> list[Span]:
    """Return where one stretch of video follows another at once; gaps show the others."""
    return [gap for gap in story.gaps if gap.end_ns == gap.start_ns]


def _upright(case_ns: int, end_ns: int, style: str) -> str:
    x = f"{_x(case_ns, end_ns):.3f}%"
    return f'<line class="{style}" x1="{x}" x2="{x}" y1="0" y2="100%"/>'


def _ticks(end_ns: int) -> list[int]:
    seconds = end_ns / NS_PER_SECOND
    step = next((s for s in STEPS if seconds / s <= TICKS), STEPS[-1])
    return [at * NS_PER_SECOND for at in range(0, int(seconds) + 1, step)]


def _axis(end_ns: int) -> str:
    labels: list[str] = []
    for at in _ticks(end_ns):
        x = _x(at, end_ns)
        edge = " first" if at == 0 else " last" if x > 95 else ""
        labels.append(f'<span class="at{edge}" style="left:{x:.3f}%">{moment(at)}</span>')
    return "".join(labels)


def _legend(story: Story) -> str:
    items = [("shown", "pictures shown"), ("hidden", "pictures hidden")]
    if story.timeline.series:
        items += [("plot", "severity, 0 to 1"), ("limit", "above this it is flagged")]
        items.append(("flag", "flagged"))
    if len(_seams(story)) < len(story.gaps):
        items.append(("gap", "no video"))
    if _seams(story):
        items.append(("epoch", "a new stretch of video begins"))
    shapes: list[str] = []
    for style, says in items:
        if style in ("limit", "epoch"):
            ends = 'x1="0" x2="22" y1="6" y2="6"'
            shape = f'<line class="{style}" {ends}/>'
        else:
            shape = f'<rect class="{style}" width="22" height="12"/>'
        shapes.append(
            f'<li><svg width="22" height="12" aria-hidden="true">{shape}</svg>{text(says)}</li>'
        )
    return f'<ul class="legend">{"".join(shapes)}</ul>'


def _peak(series: Series) -> str:
    if not series.points:
        return "no samples"
    index = max(series.points, key=series.points.__getitem__)
    return f"highest {series.points[index]:.2f} at {moment(index * series.bin_ns)}"


def _spans(rows: list[Finding]) -> str:
    if not rows:
        return "none"
    few = [f"{exact(row.start_ns)} for {length(row.length_ns)}" for row in rows[:6]]
    more = f" and {len(rows) - 6} more" if len(rows) > 6 else ""
    return ", ".join(few) + more
