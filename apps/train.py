"""`train head` and `train score`: heads from sources with truth; nothing is fetched."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.apps.head_preset import command_of, preset_of, write_preset
from videoengine.apps.teaching import Lesson, teach
from videoengine.errors import OutputError, UsageError
from videoengine.models.backbones import load_backbone
from videoengine.models.metrics import (
    LabelledVideo,
    mean_ap,
    mean_interval,
    phase_table,
    tool_presence_ap,
)
from videoengine.models.workflow.few_shot_head import (
    ONE_A_FRAME,
    SUFFIX,
    TEMPORAL,
    FewShotHead,
    HeadCard,
    load_head,
)
from videoengine.models.workflow.few_shot_samples import (
    FrameEncoder,
    Labelled,
    Tell,
    encode,
    one_vocabulary,
    read_labels,
)
from videoengine.models.workflow.head_courses import RATE_HZ, HeadCourse, read_course
from videoengine.models.workflow.head_training import (
    follow_course,
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A head that was written."""

    out: Path
    preset: Path
    """That runs it."""
    card: HeadCard
    learned_from: int
    """Frames."""
    labelled: int
    """Frames that could have been chosen."""
    bytes: int


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One source beside what the head says of it."""

    uri: str
    frames: int
    learned_from: int
    """Frames of it that taught the head: its score says nothing of other videos."""
    accuracy: float | None
    """Of phases and steps; None of instruments."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a head is worth on these sources."""

    head: Path
    card: HeadCard
    videos: tuple[ScoredVideo, ...]
    accuracy: dict[str, float | None] | None
    """Of phases and steps: mean over the videos, and its 95 % bootstrap interval over them."""
    jaccard: float | None
    """Of phases and steps, in the Cholec80 script's averaging, unrelaxed."""
    map: float | None
    """Of instruments: average precision of presence over all frames, mean over the classes."""
    ap: dict[str, float | None]
    """The same of each instrument; None where no frame shows it."""


def train(
    sources: Sequence[str], out: Path, lesson: Lesson, *, tell: Tell | None = None
) -> Trained:
    """Learn a head from labelled frames of sources; write it, and beside it a preset that runs it.

    Raises:
        UsageError: The call does not fit together, or the sources are not labelled so.
        ModelError: The backbone or its text side is not here.
        SourceError: A source cannot be read.
        OutputError: The head or its preset exists, or cannot be written.
    """
    if out.suffix != SUFFIX:
        raise UsageError("A head is one safetensors file", got=out.name, allowed=f"*{SUFFIX}")
    for path in (out, preset_of(out)):
        if path.exists():
            raise OutputError(f"{path} exists", remedy="Choose another --out.")
    network = open_backbone(lesson.backbone)
    head, labelled = teach(sources, network, lesson, tell)
    head.save(out)
    preset = write_preset(out, head.card, weights_of(lesson.backbone)[1])
    used = sum(len(one.pts_ns) for one in head.card.frames)
    every = sum(len(one.pts_ns) for one in labelled)
    return Trained(out, preset, head.card, used, every, out.stat().st_size)


def score(
    path: Path,
    sources: Sequence[str],
    *,
    backbone: str | None = None,
    rate_hz: float = RATE_HZ,
    tell: Tell | None = None,
) -> Scored:
    """Say what a head is worth on sources with truth.

    Args:
        path: The head.
        sources: With truth of the head's vocabulary.
        backbone: NAME or NAME=PATH; by default the one that the head names.
        rate_hz: Frames a second that are scored; a temporal head's are one a second.
        tell: Called after each frame that is read.

    Raises:
        UsageError: The sources are not labelled in the head's vocabulary.
        ModelError: The head is damaged, or the backbone is another or not here.
        SourceError: A source cannot be read.
    """
    head = load_head(path)
    network = open_backbone(backbone or head.card.backbone)
    head.check_backbone(network.card)
    task = head.card.task
    courses: list[HeadCourse] = []
    if head.card.method == TEMPORAL:
        courses = [read_course(one, network, task, tell=tell) for one in sources]
        labelled = [one.labelled for one in courses]
    else:
        labelled = [read_labels(one, task, rate_hz=rate_hz, tell=tell) for one in sources]
    terms = one_vocabulary(labelled)
    if terms.name != head.card.vocabulary:
        raise UsageError(
            "The head speaks of other terms than the sources",
            got=terms.name,
            allowed=head.card.vocabulary,
        )
    said = [follow_course(head, one).double().numpy() for one in courses]
    for one in labelled if not courses else ():
        rows = np.arange(len(one.pts_ns))
        said.append(head.logits_of(encode(one, rows, network, rate_hz=rate_hz, tell=tell)))
    return scored(path, head, labelled, said)


def scored(
    path: Path,
    head: FewShotHead,
    labelled: Sequence[Labelled],
    said: Sequence[NDArray[np.float64]],
) -> Scored:
    """Return the scores of logits (frames, K) of each source."""
    terms = [label.name for label in head.terms.labels]
    accuracies: list[float | None] = [None] * len(labelled)
    accuracy = jaccard = mean = None
    ap: dict[str, float | None] = {}
    if head.card.task in ONE_A_FRAME:
        pairs = zip(labelled, said, strict=True)
        videos = [LabelledVideo.of(one.holds.argmax(1), row.argmax(1)) for one, row in pairs]
        table = phase_table(videos, len(terms))
        accuracies = [float(value) for value in table.accuracy]
        interval = mean_interval(table.accuracy)
        accuracy = {name: _known(getattr(interval, name)) for name in ("value", "low", "high")}
        jaccard = _known(table.per_phase("jaccard").mean)
    else:
        values = tool_presence_ap([one.holds for one in labelled], said)
        ap = {name: _known(float(value)) for name, value in zip(terms, values, strict=True)}
        mean = _known(mean_ap(values))
    rows = tuple(
        ScoredVideo(one.uri, len(one.pts_ns), len(head.learned_from(one.uri, one.content)), value)
        for one, value in zip(labelled, accuracies, strict=True)
    )
    return Scored(path, head.card, rows, accuracy, jaccard, mean, ap)


def open_backbone(named: str) -> FrameEncoder:
    """Load a backbone from NAME or NAME=PATH; nothing is fetched.

    Raises:
        UsageError: No such model.
        ModelError: Its weights are not on this machine, or do not fit.
    """
    return load_backbone(*weights_of(named))


def weights_of(named: str) -> tuple[str, Path | None]:
    """Return the name of a backbone and the file of its weights, if one is named."""
    name, equals, path = named.partition("=")
    if equals and not path:
        raise UsageError("A backbone is NAME or NAME=PATH", got=repr(named))
    return name, Path(path) if equals else None


def as_text(done: Trained | Scored) -> str:
    """Return what was done as lines for people."""
    card = done.card
    lines = [f"{card.method} over {card.backbone}, {card.vocabulary}, seed {card.seed}"]
    if isinstance(done, Trained):
        lines.append(
            f"learned    from {done.learned_from} of {done.labelled} labelled frames "
            f"({card.shots} a class)"
        )
        lines.append(f"ships      {'yes' if card.ships else 'no: it learned from real frames'}")
        lines.append(f"speaks of  {', '.join(card.procedures)}")
        lines.append(f"confidence {card.calibration or 'none: not calibrated'}")
        lines.append(f"head       {done.out} ({done.bytes / 1024:.0f} KiB)")
        lines.append(f"run it     {command_of(done.preset, card)}")
        return "\n".join(lines)
    for video in done.videos:
        value = "" if video.accuracy is None else f", accuracy {video.accuracy:.3f}"
        note = f", {video.learned_from} of them taught the head" if video.learned_from else ""
        lines.append(f"video      {video.uri}: {video.frames} frames{note}{value}")
    if done.accuracy is not None:
        lines.append(
            f"accuracy   {_shown(done.accuracy['value'])} "
            f"({_shown(done.accuracy['low'])} to {_shown(done.accuracy['high'])})"
        )
        lines.append(f"jaccard    {_shown(done.jaccard)}")
    else:
        lines += [f"AP         {name} {_shown(value)}" for name, value in done.ap.items()]
        lines.append(f"mAP        {_shown(done.map)}")
    return "\n".join(lines)


def to_json(done: Trained | Scored) -> dict[str, Any]:
    """Return what was done as JSON; of the frames only how many."""
    row = dataclasses.asdict(done)
    row["card"]["frames"] = {one.uri: len(one.pts_ns) for one in done.card.frames}
    return row


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
