"""Composing `report.html`: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final
from urllib.parse import parse_qs, urlsplit

import videoengine
from videoengine import durable
from videoengine.apps.report.drawing import draw
from videoengine.apps.report.findings import Finding, Story, tell
from videoengine.apps.report.html import (
    counted,
    exact,
    length,
    listing,
    moment,
    section,
    size,
    table,
    text,
)
from videoengine.apps.report.sections import (
    accounts,
    balanced,
    configuration,
    models,
    troubles,
)
from videoengine.apps.report.shedding import unanalyzed
from videoengine.apps.report.thumbnails import Thumbnails
from videoengine.apps.report.workflow import procedure, workflow
from videoengine.apps.source_record import LIVE
from videoengine.apps.wording import drop_reason
from videoengine.case import Case, Manifest

NAME: Final = "report.html"
STYLE: Final = Path(__file__).with_name("report.css")
ROWS: Final = 120
"""Findings listed; a longer list is in the csv export."""
POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The browser itself refuses whatever would be loaded."""


def write_report(case: Case) -> Path:
    """Write `report.html` into a case whose run has closed, and return its path.

    Raises:
        CaseError: The run has not closed, or the log is damaged.
        OutputError: The page cannot be written.
    """
    story = tell(case, case.timeline())
    listed = _listed(story)
    wanted = set(story.moments())
    wanted &= {row.moment for row in listed} | {at for _, at in story.strip}
    pictures = Thumbnails(case, story.timeline.gate, wanted)
    body = [
        _header(case.manifest, story),
        _overview(case.manifest, story, pictures),
        _timeline(story, pictures),
        workflow(story.timeline),
        _findings(story, listed, pictures),
        troubles(story.timeline),
        accounts(story.timeline),
        models(case.manifest, story.timeline),
        configuration(case.manifest, story.timeline),
        _footer(case.manifest),
    ]
    page = _page(f"Report: {_title(case.manifest)}", "".join(body))
    path = case.path / NAME
    durable.replace(path, page.encode("utf-8", "replace"))
    return path


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{STYLE.read_text('utf-8')}</style></head><body><main>{body}</main></body></html>\n"
    )


def _title(manifest: Manifest) -> str:
    """Return the name of what was analyzed: never its path or URL."""
    source = manifest.source
    if source is None or source.kind == LIVE:
        return manifest.stream_id
    if source.kind == "uri":
        parts = urlsplit(source.path)
        name = PurePath(parts.path).name or parts.hostname or "source"
        seeds = parse_qs(parts.query).get("seed", [])
        return f"{name}, seed {seeds[0]}" if seeds else name
    return PurePath(source.path).name or "source"


def _frames(story: Story) -> int:
    packets = story.timeline.run.get("packets") or {}
    return sum(int(row["decoded"]) for row in packets.values())


def _header(manifest: Manifest, story: Story) -> str:
    facts = [
        ("Length", length(story.timeline.end_ns)),
        ("Frames", f"{_frames(story):,}"),
        ("Modality", manifest.modality if manifest.modality != "unknown" else "not stated"),
        ("Procedure", _procedure(manifest, story)),
        ("Preset", str(story.timeline.run.get("preset", ""))),
    ]
    if manifest.source is not None and manifest.source.size:
        facts.insert(2, ("Size", size(manifest.source.size)))
    rows = "".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in facts)
    return (
        '<header><p class="kind"><span>Video analysis report</span>'
        f"<strong>{text(videoengine.DISCLAIMER)}</strong></p>"
        f"<h1>{text(_title(manifest))}</h1><dl>{rows}</dl></header>"
    )


def _procedure(manifest: Manifest, story: Story) -> str:
    """Return the procedure, and whether a person or the video told it."""
    name = manifest.procedure or procedure(story.timeline)
    if name is None:
        return "not stated"
    told = (manifest.config.get("procedure_from") or {}).get("by", "caller")
    shown = "not recognized" if name == "unknown" else name
    return shown if told == "caller" else f"{shown} (from the video)"


def _overview(manifest: Manifest, story: Story, pictures: Thumbnails) -> str:
    end_ns = story.timeline.end_ns
    modality = "" if manifest.modality == "unknown" else f" of {text(manifest.modality)}"
    frames = counted(_frames(story), "frame")
    said = [f"{length(end_ns)}{modality}, {frames}."]
    said += [_about_hidden(story), _about_gaps(story), *_about_quality(story)]
    said += [_about_losses(story)]
    errors = [row for row in story.findings if row.kind in ("error", "refusal")]
    if errors:
        said.append(
            f"<strong>{counted(len(errors), 'error or refusal', 'errors and refusals')}</strong>: "
            "see below."
        )
    if balanced(story.timeline):
        said.append("Every sample is accounted for.")
    else:
        said.append("<strong>The accounts do not balance: see below.</strong>")
    sentences = " ".join(sentence for sentence in said if sentence)
    note = ""
    if pictures.failure:
        note = f'<p class="note">Pictures are not available: {text(pictures.failure)}.</p>'
    return f'<section class="overview" aria-label="Overview"><p>{sentences}</p>{note}</section>'


def _about_hidden(story: Story) -> str:
    rows = story.hidden
    total = sum(row.length_ns for row in rows)
    if not rows:
        return "All pictures may be shown."
    covered = total + sum(gap.end_ns - gap.start_ns for gap in story.gaps)
    if covered >= story.timeline.end_ns - 1:
        return "<strong>No picture may be shown</strong>: the view was never surely in the body."
    reasons = list(dict.fromkeys(row.title[0].lower() + row.title[1:] for row in rows))
    return (
        f"Pictures are hidden for {length(total)} {_when(rows)}: "
        f"{listing([text(reason) for reason in reasons])}."
    )


def _about_gaps(story: Story) -> str:
    rows = [row for row in story.findings if row.kind in ("gap", "reconnect")]
    total = sum(row.length_ns for row in rows)
    if not rows:
        return "There is no gap in the video."
    if total == 0:
        return f"The video is joined from {len(rows) + 1} stretches without a gap."
    return f"There is no video for {length(total)} {_when(rows)}."


def _about_losses(story: Story) -> str:
    """Return how many samples the stages never saw, and why; empty when they saw all."""
    counts = unanalyzed(story.timeline)
    if not counts:
        return ""
    causes: dict[str, int] = {}
    for cause, count in counts.items():
        reason = drop_reason(cause)
        causes[reason] = causes.get(reason, 0) + count
    total = sum(causes.values())
    were = "sample was" if total == 1 else "samples were"
    if len(causes) == 1:
        return f"{total:,} {were} not analyzed: {text(next(iter(causes)))}."
    ranked = sorted(causes.items(), key=lambda item: -item[1])
    parts = [f"{count:,} {text(reason)}" for reason, count in ranked]
    return f"{total:,} {were} not analyzed: {listing(parts)}."


def _about_quality(story: Story) -> list[str]:
    totals: dict[str, list[Finding]] = {}
    for row in story.findings:
        if row.kind == "quality":
            totals.setdefault(row.title, []).append(row)
    if not totals:
        return ["No picture-quality problem was flagged."] if story.timeline.series else []
    parts = [
        f"{text(title.lower())} for {length(sum(row.length_ns for row in rows))}"
        for title, rows in sorted(
            totals.items(), key=lambda item: -sum(row.length_ns for row in item[1])
        )
    ]
    return [f"Picture quality was flagged: {listing(parts)}."]


def _when(rows: list[Finding]) -> str:
    """Return `(0:31–0:37)`, or how many times when they are many."""
    if len(rows) > 3:
        return f"in {len(rows)} stretches"
    spans = [
        f'<span class="time">{moment(row.start_ns)}–{moment(row.end_ns)}</span>' for row in rows
    ]
    return f"({', '.join(spans)})"


def _timeline(story: Story, pictures: Thumbnails) -> str:
    strip = (
        ""
        if pictures.none
        else "".join(
            pictures.figure(at, exact(case_ns), f"Frame at {exact(case_ns)}")
            for case_ns, at in story.strip
        )
    )
    body = draw(story) + (f'<div class="strip">{strip}</div>' if strip else "")
    return section("timeline", "Timeline", body)


def _listed(story: Story) -> list[Finding]:
    """Return the findings that the page lists: all, or the longest ones in order of time."""
    rows = story.findings
    if len(rows) <= ROWS:
        return rows
    longest = sorted(rows, key=lambda row: (row.kind in ("quality",), -row.length_ns))[:ROWS]
    return sorted(longest, key=lambda row: (row.start_ns, row.kind))


def _findings(story: Story, listed: list[Finding], pictures: Thumbnails) -> str:
    if not listed:
        return section("findings", "Findings", "<p>Nothing was flagged.</p>")
    rows = [
        [
            f'<span class="time">{exact(row.start_ns)}–{exact(row.end_ns)}</span>',
            length(row.length_ns),
            _says(row),
            _evidence(row, pictures),
        ]
        for row in listed
    ]
    lead = "In order of time, with the frame each rests on."
    if pictures.none:
        lead = "In order of time."
    if len(listed) < len(story.findings):
        lead = (
            f"The {len(listed)} most important of {len(story.findings)}; "
            "<code>videoengine export CASE --to csv</code> has all."
        )
    head = ["Time", "Lasts", "What", "Evidence"]
    if pictures.none:
        head, rows = head[:-1], [row[:-1] for row in rows]
    style = "" if pictures.none else "findings"
    return section("findings", "Findings", table(head, rows, label="Findings", style=style), lead)


def _says(row: Finding) -> str:
    details = [row.detail] if row.detail else []
    if row.samples:
        rests = f"rests on {counted(row.samples, 'sample')} of the stage {row.stage}"
        details.append(rests if details else rests.capitalize())
    if row.peak is not None and row.name != "frozen":
        details.append(f"severity up to {row.peak:.2f}")
    if row.stretches > 1:
        details.append(f"{row.stretches} stretches joined")
    small = f"<small>{text('; '.join(details))}</small>" if details else ""
    return f'<span class="kind-{text(row.kind)}">{text(row.title)}</span>{small}'


def _evidence(row: Finding, pictures: Thumbnails) -> str:
    if row.kind == "privacy":
        return pictures.figure(None, "", "")
    if row.moment is None:
        return ""
    if row.kind in ("gap", "reconnect"):
        return pictures.figure(row.moment, "last frame before", "Last frame before the gap")
    return pictures.figure(row.moment, "", f"{row.title} between {exact(row.start_ns)} and "
                           f"{exact(row.end_ns)}")  # fmt: skip


def _footer(manifest: Manifest) -> str:
    return (
        f"<footer><p>{text(videoengine.DISCLAIMER)} Made by videoengine {text(manifest.version)} "
        f"from the event log of this case; every statement above can be traced to the log line it "
        "rests on. Times are case time: from the first frame, gaps included.</p></footer>"
    )
