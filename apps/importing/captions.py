"""WebVTT as `export --to webvtt` writes it: cues that read `Phase: Preparation`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from videoengine.apps.importing.annotation import KINDS, Found, Target
from videoengine.apps.importing.annotation_file import read_text, refuse
from videoengine.apps.importing.claims import OWN, Claim, heard

SLACK_NS: Final = 1_000_000
"""Cues are written in whole milliseconds, rounded down."""
NS_PER_MS: Final = 1_000_000
OTHER: Final = "cue"
_TIMES: Final = re.compile(
    r"(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{1,4}):)?(\d\d):(\d\d)\.(\d{3})"
    r"(?:[ \t].*)?"
)
_TAG: Final = re.compile(r"<[^<>]*>")


def read_webvtt(path: Path, target: Target) -> Found:
    """Return the cues that name a kind and one of its terms; captions know no stages.

    Raises:
        SourceError: It is no WebVTT, or a cue cannot be true of the case.
    """
    return heard(_claims(path), target, slack_ns=SLACK_NS)


def _claims(path: Path) -> Iterator[Claim]:
    lines = read_text(path).splitlines()
    if not lines or lines[0].split(" ")[0].split("\t")[0] != "WEBVTT":
        refuse(path, "this is no WebVTT", got=lines[0] if lines else "an empty file",
               allowed="WEBVTT in the first line")  # fmt: skip
    number = 1
    while number < len(lines):
        line = lines[number]
        number += 1
        if "-->" not in line:
            continue
        place = f"{path}, line {number}"
        match = _TIMES.fullmatch(line.strip())
        if match is None:
            refuse(place, "these are no times of a cue", got=line,
                   allowed="00:00:01.000 --> 00:00:02.000")  # fmt: skip
        text: list[str] = []
        while number < len(lines) and lines[number].strip():
            text.append(lines[number])
            number += 1
        values = [int(value or 0) for value in match.groups()]
        yield _claim(place, " ".join(text), _ns(values[:4]), _ns(values[4:]))


def _claim(place: str, text: str, start_ns: int, end_ns: int) -> Claim:
    said = " ".join(html.unescape(_TAG.sub("", text)).split())
    kind, colon, name = said.partition(":")
    known = kind.strip().lower()
    if not colon or known not in KINDS:
        return Claim(OTHER, OWN, said, start_ns, end_ns, place)
    return Claim(known, OWN, name.strip(), start_ns, end_ns, place)


def _ns(parts: list[int]) -> int:
    hours, minutes, seconds, thousandths = parts
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths) * NS_PER_MS
