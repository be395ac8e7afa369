"""From what the user names to recordings, and which prediction belongs to which truth."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from videoengine.apps.evaluate_events import read_case, read_source
from videoengine.apps.evaluate_recording import Kind, Recording, known_terms, plain_name
from videoengine.apps.evaluate_text import phase_track, read_cholect50, read_text, tool_track
from videoengine.case import MANIFEST
from videoengine.errors import SourceError, UsageError, nearest

LABELS: Final = "labels"
RUN: Final = "run.json"
CHOLEC80_FPS: Final = Fraction(25)
ACCEPTED: Final = (
    "a case, a sim:// URI, a folder made by `videoengine simulate`, Cholec80 text files "
    "(NAME-phase.txt, NAME-tool.txt), a CholecT50 .json, a folder of these, or a data set of "
    "docs/datasets.md"
)
_URI: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_TEXT: Final = re.compile(r"(?P<name>.+?)[-_](?P<kind>phase|tool)s?\.txt", re.IGNORECASE)
_DIGITS: Final = re.compile(r"\d+")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How what the user names is read."""

    rate_hz: float = 1.0
    """Moments a second at which predictions are compared with the truth."""
    fps: Fraction | None = None
    """Rate that the frames of text files are counted at; None: 25, or what run.json says."""
    stages: tuple[str, ...] = ()
    """Of a case, the stages that are scored."""
    boxes: bool = False
    """Of a source, whether its boxes are wanted."""
    progress: Progress | None = None


def find_recordings(named: str, reading: Reading) -> list[Recording]:
    """Return the recordings that a path or URI stands for, by name.

    Raises:
        UsageError: It is nothing that can be read as labels.
        SourceError: It cannot be read, or is damaged.
        CaseError: It is a case that is damaged or not finished.
    """
    if _URI.match(named):
        return [_of_uri(named, reading)]
    path = Path(named)
    if not path.exists():
        siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise SourceError(f"{path} does not exist", remedy=nearest(path.name, siblings))
    found = _of_file(path, reading) if path.is_file() else _of_folder(path, reading)
    if not found:
        raise UsageError(f"{path} holds no labels", got="no such file in it", allowed=ACCEPTED)
    return found


def _of_file(path: Path, reading: Reading) -> list[Recording]:
    if path.suffix == ".json":
        return [read_cholect50(path)]
    match = _TEXT.fullmatch(path.name)
    if match is None:
        raise UsageError(f"{path} is no label file", got=path.name, allowed=ACCEPTED)
    return [_of_text(match["name"], {match["kind"].lower(): path}, reading)]


def _of_folder(path: Path, reading: Reading) -> list[Recording]:
    if (path / MANIFEST).is_file():
        return [read_case(path, stages=reading.stages)]
    if (path / LABELS).is_dir() and (path / RUN).is_file():
        return [_simulated(path, reading)]
    found = [
        recording
        for child in sorted(path.iterdir())
        if child.is_dir() and ((child / MANIFEST).is_file() or (child / LABELS).is_dir())
        for recording in _of_folder(child, reading)
    ]
    files = [one for one in sorted(path.rglob("*")) if len(one.relative_to(path).parts) <= 2]
    texts: dict[str, dict[str, Path]] = {}
    for file in files:
        match = _TEXT.fullmatch(file.name)
        if match is not None and file.is_file():
            texts.setdefault(match["name"], {})[match["kind"].lower()] = file
    found += [_of_text(name, paths, reading) for name, paths in texts.items()]
    found = found or [read_cholect50(file) for file in files if _is_cholect50(file)]
    return found or _of_dataset(path, reading)


def _of_dataset(path: Path, reading: Reading) -> list[Recording]:
    """Return the annotated videos of a published data set, as its reader has them."""
    from videoengine.models.datasets import list_videos

    try:
        videos = list_videos(path)
    except SourceError as error:
        raise SourceError(f"{path} holds no labels", got=error.what, allowed=ACCEPTED) from error
    return [
        replace(_of_uri(video.uri, reading), name=video.video) for video in videos if video.kinds
    ]


def _of_uri(uri: str, reading: Reading) -> Recording:
    """Return the truth of a source, named by its `video` or `seed`."""
    found = read_source(
        uri, rate_hz=reading.rate_hz, boxes=reading.boxes, progress=reading.progress
    )
    options = dict(parse_qsl(urlsplit(uri).query))
    return replace(found, name=options.get("video") or options.get("seed") or uri)


def _simulated(path: Path, reading: Reading) -> Recording:
    """Return what the labels that `simulate` wrote say: tools from Cholec80's text."""
    labels = path / LABELS
    try:
        fps = Fraction(json.loads((path / RUN).read_text("utf-8"))["fps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path / RUN} says no rate", allowed='"fps"') from error
    paths = {kind: labels / "cholec80" / f"video-{kind}.txt" for kind in ("phase", "tool")}
    there = {kind: file for kind, file in paths.items() if file.is_file()}
    acts = labels / "cholect50" / "video.json"
    detailed = read_cholect50(acts) if acts.is_file() else None
    if not there and detailed is None:
        raise SourceError(f"{path} holds no labels", allowed="cholec80 or cholect50 in labels/")
    name, origin = path.name, str(path)
    if not there:
        assert detailed is not None
        return replace(detailed, name=name, origin=origin)
    plain = _of_text(name, there, replace(reading, fps=reading.fps or fps))
    if detailed is None:
        return replace(plain, origin=origin)
    return replace(
        plain,
        origin=origin,
        phase=plain.phase or detailed.phase,
        tools=plain.tools or detailed.tools,
        boxes=detailed.boxes,
        triplets=detailed.triplets,
        terms=detailed.terms | plain.terms,
    )


def _of_text(name: str, paths: dict[str, Path], reading: Reading) -> Recording:
    fps = reading.fps or CHOLEC80_FPS
    recording = Recording(name, str(next(iter(paths.values())).parent / name))
    if "phase" in paths:
        phase = phase_track(paths["phase"], fps)
        terms = known_terms({said.name for said in phase.values}, "phase@")
        known: dict[Kind, tuple[str, ...]] = {} if terms is None else {"phase": terms}
        recording = replace(recording, phase=phase, terms=known)
    if "tool" in paths:
        names, tools = tool_track(paths["tool"], fps)
        recording = replace(recording, tools=tools, terms={**recording.terms, "tools": names})
    return recording


def _is_cholect50(path: Path) -> bool:
    """Return whether a file of a folder looks like CholecT50's JSON; others are passed over."""
    if path.suffix != ".json" or not path.is_file():
        return False
    text = read_text(path)
    return '"annotations"' in text and '"triplet"' in text


@dataclass(frozen=True, slots=True)
class Pair:
    """A prediction and the truth that it is scored against."""

    truth: Recording
    predicted: Recording


def pair_up(truth: Sequence[list[Recording]], predicted: Sequence[list[Recording]]) -> list[Pair]:
    """Return which prediction belongs to which truth.

    When each thing named stands for one recording and there are as many of both, in the order
    given; else by name, or by the one number that names hold, as `video01` and `VID01` do.

    Args:
        truth: The recordings of each thing named as truth.
        predicted: Of each thing named as prediction.

    Raises:
        UsageError: A recording has no partner, or two.
    """
    singles = all(len(group) == 1 for group in (*truth, *predicted))
    if singles and len(truth) == len(predicted):
        return [Pair(t[0], p[0]) for t, p in zip(truth, predicted, strict=True)]
    true = _by_name([one for group in truth for one in group], "truth")
    said = _by_name([one for group in predicted for one in group], "predictions")
    if true.keys() != said.keys():
        without = sorted(true.keys() - said.keys())
        unknown = sorted(said.keys() - true.keys())
        parts = [f"no prediction of {', '.join(without)}"] if without else []
        parts += [f"no truth for {', '.join(unknown)}"] if unknown else []
        raise UsageError(
            "Predictions and truth do not belong together",
            got="; ".join(parts),
            allowed="the same names on both sides, or one --truth for each --predictions, in order",
        )
    return [Pair(true[name], said[name]) for name in sorted(true)]


def _by_name(recordings: Sequence[Recording], side: str) -> dict[str, Recording]:
    found: dict[str, Recording] = {}
    for recording in recordings:
        digits = _DIGITS.findall(recording.name)
        name = str(int(digits[0])) if len(digits) == 1 else plain_name(recording.name)
        if name in found:
            raise UsageError(
                f"Two of the {side} have one name",
                got=f"{found[name].origin} and {recording.origin}",
                allowed="names that differ",
            )
        found[name] = recording
    return found
