"""`simulate`: a procedure from a seed, as video and labels in a folder that appears whole."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import videoengine
from videoengine import durable
from videoengine.apps.export.target import new_target, refuse_existing
from videoengine.apps.movie import Movie
from videoengine.apps.session import git_commit, this_machine
from videoengine.apps.worker import Worker
from videoengine.errors import UsageError, nearest
from videoengine.media_time import NS_PER_SECOND
from videoengine.recon3d.simulator.labels import (
    FORMATS,
    LabelWriter,
    arrays_of,
    write_plan_labels,
)
from videoengine.recon3d.simulator.labels.writer import check_format
from videoengine.recon3d.simulator.optics import View
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.pose_series import poses_each_second
from videoengine.recon3d.simulator.procedure import load_procedure
from videoengine.recon3d.simulator.simulation import Simulation
from videoengine.recon3d.simulator.take import VIEWS, Filming, Take, parse_seed

LABELS: Final = "labels"
RUN: Final = "run.json"
STEREO: Final = "stereo"
_SEEDS: Final = re.compile(r"(\d{1,19}):(\d{1,19})")
Progress = Callable[[int, int], None]
"""Called with (time made in nanoseconds, frames or, without video, procedures made)."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is made of every seed."""

    procedure: str
    """Name, or path of a .toml file."""
    filming: Filming
    views: tuple[View, ...] = ("mono",)
    formats: tuple[str, ...] = FORMATS
    """Of the labels that are written frame by frame."""
    labels_only: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the resolved configuration, as JSON values."""
        filming = self.filming
        return {
            "procedure": self.procedure,
            "start_ns": filming.start_ns,
            "duration_ns": filming.duration_ns,
            "size": list(filming.size),
            "fps": str(filming.fps),
            "view": self.views[0] if len(self.views) == 1 else STEREO,
            "formats": list(self.formats),
            "labels_only": self.labels_only,
            "version": videoengine.__version__,
            "commit": git_commit(),
            "device": f"{this_machine()}, {os.cpu_count()} cores",
        }


@dataclass(frozen=True, slots=True)
class Simulated:
    """One procedure that was made."""

    out: Path
    seed: int
    frames: int
    """Of each view; 0 without video."""
    media_ns: int
    """Length of the piece."""
    seconds: float
    """How long it took to make."""


def make_order(
    procedure: str,
    options: Mapping[str, str | None],
    *,
    formats: str | None = None,
    labels_only: bool = False,
) -> Order:
    """Return what the words of a command line ask for.

    Args:
        procedure: Name, or path of a .toml file.
        options: `start`, `duration`, `size`, `fps` and `view` as they are written; None is the
            default. The view may also be `stereo`.
        formats: Names of label formats, with commas; None is all.
        labels_only: No picture is rendered.

    Raises:
        UsageError: One of them is not allowed.
    """
    given = {name: text for name, text in options.items() if text is not None}
    views: tuple[View, ...] = ("left", "right")
    if given.get("view") == STEREO:
        del given["view"]
        filming = Filming.parse(given)
    else:
        _check_view(given.get("view", "mono"))
        filming = Filming.parse(given)
        views = (filming.view,)
    if labels_only and formats is not None:
        raise UsageError(
            "Without video the labels are always the same ones",
            got="--formats and --labels-only",
            allowed="one of them",
        )
    chosen = () if labels_only else FORMATS
    if formats is not None:
        chosen = tuple(part.strip() for part in formats.split(","))
    for name in chosen:
        check_format(name)
    return Order(procedure, filming, views, chosen, labels_only)


def _check_view(view: str) -> None:
    known = (*VIEWS, STEREO)
    if view not in known:
        raise UsageError(
            "The simulator has no such view",
            got=repr(view),
            allowed=", ".join(known),
            remedy=nearest(view, known),
        )


def parse_seeds(text: str) -> range:
    """Return the seeds of `A:B`, B excluded."""
    match = _SEEDS.fullmatch(text)
    first, end = (0, 0) if match is None else (int(match[1]), int(match[2]))
    if first >= end:
        raise UsageError("These are no seeds", got=repr(text), allowed="A:B with A < B, as 0:500")
    parse_seed(str(end - 1))
    return range(first, end)


def simulate(
    order: Order, seed: int, out: str | Path, *, progress: Progress | None = None
) -> Simulated:
    """Make one procedure in the new folder `out`.

    Raises:
        UsageError: There is no such procedure, or the piece lies outside of it.
        OutputError: The folder exists, or cannot be written.
    """
    procedure = load_procedure(order.procedure)
    return _make(order, Take(make_plan(procedure, seed), order.filming), Path(out), progress)


def simulate_many(
    order: Order, seeds: Sequence[int], out: str | Path, *, progress: Progress | None = None
) -> Iterator[Simulated]:
    """Make a procedure of every seed, each in a folder of its own; yield what was made.

    Folders that are finished stay when a later one fails.
    """
    folder = Path(out)
    for seed in seeds:
        refuse_existing(folder / str(seed))
    procedure = load_procedure(order.procedure)
    tally = _Tally(progress, order.labels_only)
    for seed in seeds:
        take = Take(make_plan(procedure, seed), order.filming)
        made = _make(order, take, folder / str(seed), tally.frame)
        tally.procedure(made)
        yield made


class _Tally:
    """Adds up the progress of one procedure after another."""

    def __init__(self, progress: Progress | None, labels_only: bool) -> None:
        self._progress, self._labels_only = progress, labels_only
        self._media_ns = self._frames = self._made = 0

    def frame(self, media_ns: int, frames: int) -> None:
        """Tell that so much is made of the present one."""
        if self._progress is not None:
            self._progress(self._media_ns + media_ns, self._frames + frames)

    def procedure(self, made: Simulated) -> None:
        """Tell that one is finished."""
        self._made += 1
        self._media_ns += made.media_ns
        self._frames += made.frames
        if self._progress is not None and self._labels_only:
            self._progress(self._media_ns, self._made)


def _make(order: Order, take: Take, out: Path, progress: Progress | None) -> Simulated:
    began = time.monotonic()
    refuse_existing(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.unwritable(out, error) from error
    with new_target(out, folder=True) as folder:
        if order.labels_only:
            _label(take, folder / LABELS)
        else:
            _film(order, take, folder, progress)
        frames = 0 if order.labels_only else take.frame_count
        seconds = time.monotonic() - began
        made = Simulated(out, take.plan.seed, frames, take.duration_ns, seconds)
        row = {
            **order.to_json(),
            "seed": made.seed,
            "frames": frames,
            "media_ns": made.media_ns,
            "seconds": round(seconds, 3),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (folder / RUN).write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return made


def _label(take: Take, folder: Path) -> None:
    """Write what the plan alone decides."""
    piece: dict[str, Any] = {"start_ns": take.start_ns, "end_ns": take.end_ns}
    poses = poses_each_second(take)
    write_plan_labels(folder, take.plan, poses, fps=take.filming.fps, **piece)


def _film(order: Order, take: Take, folder: Path, progress: Progress | None) -> None:
    """Render every frame; encoders and label writer work beside, each in a thread of its own."""
    filming = take.filming
    with ExitStack() as stack:
        views: list[tuple[Simulation, Movie, Worker]] = []
        for view in order.views:
            name = "video.mp4" if len(order.views) == 1 else f"video_{view}.mp4"
            movie = Movie(folder / name, size=filming.size, fps=filming.fps)
            stack.enter_context(movie)
            worker = stack.enter_context(Worker(f"encoder-{view}"))
            views.append((Simulation(take.plan, size=filming.size, view=view), movie, worker))
        labels = stack.enter_context(_writer(order, take, folder, views[0][0]))
        writing = stack.enter_context(Worker("labels"))
        arrays = arrays_of(order.formats)
        for number in range(take.frame_count):
            now, following = take.time_s(number), take.next_time_s(number)
            for place, (simulation, movie, worker) in enumerate(views):
                wanted = () if place else arrays  # labels are those of the first view
                frame = simulation.frame(now, number=number, arrays=wanted, next_time_s=following)
                worker.call(movie.add, frame.rgb)
                if place == 0:
                    writing.call(labels.add, frame)
            if progress is not None:
                progress(round((number + 1) * NS_PER_SECOND / filming.fps), number + 1)


def _writer(order: Order, take: Take, folder: Path, simulation: Simulation) -> LabelWriter:
    return LabelWriter(
        folder / LABELS,
        take.plan,
        simulation.camera,
        take.filming.fps,
        formats=order.formats,
        start_ns=take.start_ns,
        end_ns=take.end_ns,
    )
