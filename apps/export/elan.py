"""ELAN's `.eaf` (EAF 3.0): tiers in case time, whole milliseconds, with our terms to choose from.

Annotations of one tier must not overlap: what excludes itself (phase, step, procedure) is one tier
for each stage, everything else one for each name. The media descriptor names no path; ELAN asks
for the video. How milliseconds meet frames stands in the header's properties.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from videoengine.apps.export.frame_grid import frame_grid, rate_text
from videoengine.apps.export.request import Request
from videoengine.apps.export.spans import Span, spans_of
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND
from videoengine.timeline import LABELLED, Segment
from videoengine.vocabularies import vocabularies

EXCLUSIVE: Final = ("procedure", "phase", "step")
"""Kinds of which only one thing holds at a time."""
NS_PER_MS: Final = 1_000_000
PROPERTY: Final = "videoengine:"
LENGTH: Final = f"{PROPERTY}length_seconds"
RATE: Final = f"{PROPERTY}frames_per_second"
EPOCH: Final = f"{PROPERTY}epoch"
LANGUAGE: Final = "und"
SCHEMA: Final = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
NO_DATE: Final = "1970-01-01T00:00:00+00:00"
"""The format wants a date; when a case was exported is nobody's business."""


def write_elan(request: Request, out: Path) -> int:
    """Write all segments of the timeline, and return how many."""
    root = Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "videoengine",
            "DATE": NO_DATE,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": SCHEMA,
        },
    )
    spoken = _vocabularies(request.case)
    tiers = _tiers(request.timeline.segments)
    _header(root, request.case)
    slots = SubElement(root, "TIME_ORDER")
    count = 0
    kinds: dict[str, None] = {}
    for name, segments in tiers.items():
        kinds[segments[0].kind] = None
        tier = SubElement(root, "TIER", TIER_ID=name, LINGUISTIC_TYPE_REF=segments[0].kind)
        for segment in segments:
            count += 1
            _annotation(tier, slots, segment, count, spoken)
    for kind in kinds:
        row = {"LINGUISTIC_TYPE_ID": kind, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
        if kind in spoken:
            row["CONTROLLED_VOCABULARY_REF"] = spoken[kind]
        SubElement(root, "LINGUISTIC_TYPE", row)
    SubElement(root, "LANGUAGE", LANG_ID=LANGUAGE, LANG_LABEL="as published")
    for name in dict.fromkeys(vocabulary for kind, vocabulary in spoken.items() if kind in kinds):
        _vocabulary(root, name)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(out, encoding="UTF-8", xml_declaration=True)
    return count


def _vocabularies(case: Case) -> dict[str, str]:
    """Return the vocabulary of each kind in the log, of those that ship."""
    found: dict[str, str] = {}
    for event in case.events(*LABELLED, verify=False):
        label = event.payload.get("label")
        if label and event.kind not in found and label["vocabulary"] in vocabularies():
            found[event.kind] = str(label["vocabulary"])
    return found


def _tiers(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Return tiers by name; where people let a kind overlap itself, another one is opened."""
    tiers: dict[str, list[Segment]] = {}
    for segment in segments:
        name = f"{segment.kind}@{segment.stage}"
        if segment.kind not in EXCLUSIVE:
            name += f": {segment.name}"
        lane, at = name, 1
        while lane in tiers and _ms(tiers[lane][-1].end_ns) > _ms(segment.start_ns):
            at += 1
            lane = f"{name} #{at}"
        tiers.setdefault(lane, []).append(segment)
    return dict(sorted(tiers.items()))


def _header(root: Element, case: Case) -> None:
    header = SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL="video.mp4", MIME_TYPE="video/mp4",
               RELATIVE_MEDIA_URL="./video.mp4")  # fmt: skip
    spans = spans_of(case)
    properties = {LENGTH: seconds_text(max((span.end_ns for span in spans), default=0))}
    grid = frame_grid(case)
    if grid is not None:
        properties[RATE] = rate_text(grid.rate_fps)
    for span in spans:
        properties[f"{EPOCH}:{span.epoch.index}"] = _epoch_text(span)
    for name, value in properties.items():
        SubElement(header, "PROPERTY", NAME=name).text = value


def _epoch_text(span: Span) -> str:
    base = span.epoch.time_base
    return (
        f"from {seconds_text(span.start_ns)} to {seconds_text(span.end_ns)} s, "
        f"first stamp {span.epoch.first_pts} in ticks of {rate_text(base)} s"
    )


def _annotation(
    tier: Element, slots: Element, segment: Segment, number: int, spoken: dict[str, str]
) -> None:
    start_ms = _ms(segment.start_ns)
    end_ms = max(_ms(segment.end_ns), start_ms + 1)
    row = {"ANNOTATION_ID": f"a{number}"}
    for end, value in enumerate((start_ms, end_ms), 1):
        slot = f"ts{2 * number + end - 2}"
        SubElement(slots, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(value))
        row[f"TIME_SLOT_REF{end}"] = slot
    reference = _reference(spoken.get(segment.kind), segment.name)
    if reference is not None:
        row["CVE_REF"] = reference
    holder = SubElement(SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", row)
    SubElement(holder, "ANNOTATION_VALUE").text = segment.name


def _reference(vocabulary: str | None, name: str) -> str | None:
    if vocabulary is None:
        return None
    labels = vocabularies()[vocabulary].labels
    return next((_entry_id(vocabulary, label.id) for label in labels if label.name == name), None)


def _entry_id(vocabulary: str, term: int) -> str:
    return f"cve-{vocabulary}-{term}"


def _vocabulary(root: Element, name: str) -> None:
    entries = SubElement(root, "CONTROLLED_VOCABULARY", CV_ID=name)
    SubElement(entries, "DESCRIPTION", LANG_REF=LANGUAGE).text = vocabularies()[name].source
    for label in vocabularies()[name].labels:
        entry = SubElement(entries, "CV_ENTRY_ML", CVE_ID=_entry_id(name, label.id))
        SubElement(entry, "CVE_VALUE", LANG_REF=LANGUAGE).text = label.name


def _ms(case_ns: int) -> int:
    return round(Fraction(case_ns, NS_PER_MS))


def seconds_text(case_ns: int) -> str:
    """Return a case time in seconds with every digit it has."""
    whole, rest = divmod(case_ns, NS_PER_SECOND)
    return f"{whole}.{rest:09d}"
