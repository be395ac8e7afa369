"""The log and the timeline as text: jsonl, csv, webvtt. No path, host, URL or wall time in them."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine.apps.export.request import Request
from videoengine.apps.wording import mark_detail, mark_title, segment_title
from videoengine.canonical import dumps
from videoengine.case import Case
from videoengine.media_time import NS_PER_SECOND, Epoch, clock
from videoengine.timeline import Mark, Segment

PRIVATE: Final = ("source", "host")
"""Fields of a `run` payload that tell where it ran and on what."""
COLUMNS: Final = (
    "start_seconds",
    "end_seconds",
    "kind",
    "stage",
    "name",
    "samples",
    "confidence",
    "epoch",
    "start_stamp",
    "end_stamp",
    "time_base",
)
FREE_TEXT: Final = ("run", "error", "refusal")
"""Kinds whose payload holds sentences, which may name the source."""
HIDDEN: Final = "…"
"""Stands for who reported, corrected, signed or deleted."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would run in a spreadsheet."""


class Scrubber:
    """Takes the place of the source out of every string, its name included."""

    def __init__(self, case: Case) -> None:
        """Learn what must not leave the case."""
        record = case.manifest.source
        self._secrets: list[str] = []
        if record is not None:
            path = Path(record.path)
            places = [record.path, path.parent, path.name, case.path.absolute()]
            self._secrets = [text for place in places if len(text := str(place)) > 2]

    def __call__(self, value: Any) -> Any:
        """Return `value` with the source's path and name replaced by `…`."""
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "…")
            return value
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return value


def write_jsonl(request: Request, out: Path) -> int:
    """Write every event of the log, one a line; `hash` and `prev` still name the log's own."""
    scrub = Scrubber(request.case)
    people: set[str] = set()
    count = 0
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        for event in request.case.events():
            row = event.to_json()
            if event.kind == "run":
                row["payload"] = {k: v for k, v in event.payload.items() if k not in PRIVATE}
            if "by" in event.payload:
                people.add(str(event.payload["by"]))
                row["payload"] = {**row["payload"], "by": HIDDEN}
            if event.kind == "answer":  # says who corrected what it rests on
                row["payload"] = {**row["payload"], "text": _unnamed(row["payload"], people)}
            if event.kind in FREE_TEXT:
                row["payload"] = scrub(row["payload"])
            stream.write(dumps(row) + "\n")
            count += 1
    return count


def _unnamed(payload: dict[str, Any], people: set[str]) -> str:
    """Return the text of an answer without the names of those who stated something before it."""
    text = str(payload["text"])
    for name in sorted(people, key=len, reverse=True):
        text = text.replace(name, HIDDEN)
    return text


def write_csv(request: Request, out: Path) -> int:
    """Write segments and marks in time order: case time in seconds, and the stream's stamps."""
    scrub = Scrubber(request.case)
    ticks = _Ticks(request.case)
    count = 0
    with out.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        for item in _in_order(request):
            table.writerow(
                [
                    f"{item.start_ns / NS_PER_SECOND:.3f}",
                    f"{item.end_ns / NS_PER_SECOND:.3f}",
                    item.kind,
                    item.stage,
                    *_statement(item, scrub),
                    item.epoch,
                    *ticks.of(item),
                ]
            )
            count += 1
    return count


def write_webvtt(request: Request, out: Path) -> int:
    """Write captions in case time: what is worth a look, not that all is well."""
    scrub = Scrubber(request.case)
    count = 0
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"WEBVTT\n\nNOTE {videoengine.DISCLAIMER}\n")
        for item in _in_order(request):
            if isinstance(item, Segment):
                if item.name == "in_body":
                    continue
                text = segment_title(item)
            else:
                detail = scrub(mark_detail(item))
                text = f"{mark_title(item)}: {detail}" if detail else mark_title(item)
            end_ns = max(item.end_ns, item.start_ns + 1_000_000)
            count += 1
            stream.write(f"\n{count}\n{_vtt(item.start_ns)} --> {_vtt(end_ns)}\n")
            stream.write(f"{_caption(text)}\n")
    return count


def _in_order(request: Request) -> list[Segment | Mark]:
    items: list[Segment | Mark] = [*request.timeline.segments, *request.timeline.marks]
    return sorted(items, key=lambda item: (item.start_ns, item.kind))


def _statement(item: Segment | Mark, scrub: Scrubber) -> tuple[str, int, str]:
    """Return name, number of samples and confidence."""
    if isinstance(item, Mark):
        return _cell(scrub(mark_detail(item))), 1, ""
    confidence = "" if item.confidence is None else f"{item.confidence:.6g}"
    return _cell(item.name), item.samples, confidence


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _vtt(case_ns: int) -> str:
    hours, rest = clock(case_ns, milliseconds=True).split(":", 1)
    return f"{int(hours):02d}:{rest}"


def _caption(text: str) -> str:
    text = " ".join(text.split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Ticks:
    """Turns case time back into the stream's stamps."""

    def __init__(self, case: Case) -> None:
        rows = [Epoch.from_json(row) for row in case.manifest.epochs]
        self._epochs = {epoch.index: epoch for epoch in rows}

    def of(self, item: Segment | Mark) -> tuple[str, str, str]:
        """Return the first stamp, the stamp after the last one, and the time base."""
        epoch = self._epochs.get(item.epoch)
        if epoch is None:
            return "", "", ""
        base = epoch.time_base
        start, end = (
            round(Fraction(at - epoch.offset_ns + epoch.first_ns, NS_PER_SECOND) / base)
            for at in (item.start_ns, item.end_ns)
        )
        return str(start), str(end), f"{base.numerator}/{base.denominator}"
