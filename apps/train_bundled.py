"""`train bundled`: the weights that ship, from nothing but seeds; it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from videoengine.apps.training_sets import procedures_of, render
from videoengine.errors import UsageError
from videoengine.models.metrics.boxes import BoxSet
from videoengine.models.metrics.detection import ranked_hits
from videoengine.models.quality.learned import WEIGHTS as LEARNED
from videoengine.models.quality.learned_training import train_learned
from videoengine.models.workflow.bundled import (
    WEIGHTS,
    Calibration,
    Course,
    fused,
    new_phase_network,
    save_bundle,
)
from videoengine.models.workflow.encoder import LOWEST
from videoengine.models.workflow.found import found_in
from videoengine.models.workflow.frame_training import train_frames
from videoengine.models.workflow.network import FrameNetwork
from videoengine.models.workflow.samples import Samples, read_samples
from videoengine.models.workflow.temporal_training import (
    Watched,
    answers_of,
    fit_line,
    fit_temperature,
    follow,
    spread_of,
    stay_of,
    train_phases,
    watch,
)
from videoengine.models.workflow.terms import PROCEDURES, slots_of, terms_of

TRAIN: Final = {"cholecystectomy": 56, "colonoscopy": 40}
"""Procedures that the networks learn from."""
TUNE: Final = 8
"""Procedures of each kind that thresholds and calibrations are fitted on."""
FRAME_STEPS: Final = 14_000
PHASE_STEPS: Final = 250
RIGHT: Final = 0.5
"""Overlap from which a box is right."""
TRAINED_ON: Final = (
    "simulated procedures only (videoengine's own simulator): {cholecystectomy} cholecystectomies "
    "and {colonoscopy} colonoscopies; no real patient"
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much of everything; `budget` 1 fits two cores and 100 minutes."""

    budget: float = 1.0
    device: str = "cpu"
    workers: int = 2

    def __post_init__(self) -> None:
        """Refuse a budget that trains nothing."""
        if not 0.0 < self.budget <= 100.0:
            raise UsageError("The budget", got=self.budget, allowed="above 0, at most 100")

    def scaled(self, number: int) -> int:
        """Return a number of this recipe."""
        return max(1, round(number * self.budget))


def train_bundled(folder: Path, out: Path | None, recipe: Recipe, *, say: Say) -> None:
    """Render, learn, fit and write the bundled weights.

    Args:
        folder: Where samples and checkpoints lie; what is there already is not made again.
        out: Folder of the two files; by default each goes to its place in the package.
        recipe: How much of everything.
        say: Called with a line a step.
    """
    began = time.monotonic()
    recogniser = WEIGHTS if out is None else out / WEIGHTS.name
    quality = LEARNED if out is None else out / LEARNED.name
    samples = folder / "samples"
    train = {name: _made(samples, "train", name, recipe, say) for name in PROCEDURES}
    tune = {name: _made(samples, "tune", name, recipe, say) for name in PROCEDURES}
    told = _Told(say, recipe.scaled(FRAME_STEPS))
    network = train_frames(
        [one for name in PROCEDURES for one in _read(train[name])],
        folder / "frames.pt",
        steps=recipe.scaled(FRAME_STEPS),
        device=recipe.device,
        told=told.step,
    ).to("cpu")
    # what ships is rounded to fp16, so whatever is fitted is fitted on that
    rounded = FrameNetwork(network.config)
    rounded.load_state_dict(
        {
            k: v.half().float() if v.is_floating_point() else v
            for k, v in network.state_dict().items()
        }
    )
    answering = fused(rounded.eval())
    courses: dict[str, Course] = {}
    for name in PROCEDURES:
        say(f"{name}: the network watches {len(train[name])} procedures")
        videos = [watch(answering, one) for one in _read(train[name])]
        say(f"{name}: phases")
        phases = train_phases(new_phase_network(name), videos, steps=recipe.scaled(PHASE_STEPS))
        phases.load_state_dict({k: v.half().float() for k, v in phases.state_dict().items()})
        stay = stay_of(videos, len(terms_of(name).phase.labels))
        calibration = calibrated(answering, phases.eval(), list(_read(tune[name])))
        say(f"{name}: {calibration}")
        courses[name] = Course(phases, stay, calibration)
    save_bundle(
        recogniser,
        network,
        courses,
        trained_on=TRAINED_ON.format(**{name: len(train[name]) for name in PROCEDURES}),
        notes={
            "budget": str(recipe.budget),
            "minutes": f"{(time.monotonic() - began) / 60:.0f}",
            "torch": torch.__version__,
        },
    )
    say(f"wrote {recogniser}, {recogniser.stat().st_size / 1e6:.1f} MB")
    figures = train_learned([path for name in PROCEDURES for path in train[name]], quality)
    say(f"wrote {quality}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))


def _made(folder: Path, part: str, procedure: str, recipe: Recipe, say: Say) -> list[Path]:
    count = recipe.scaled(TRAIN[procedure]) if part == "train" else TUNE
    wanted = procedures_of(part, procedure, count)
    return render(
        wanted,
        folder,
        workers=recipe.workers,
        told=lambda done, of: say(f"{procedure}, {part}: {done} of {of} rendered"),
    )


def _read(paths: Sequence[Path]) -> Iterator[Samples]:
    return (read_samples(path) for path in paths)


class _Told:
    """Tells about the loss now and then."""

    def __init__(self, say: Say, steps: int) -> None:
        self._say, self._steps = say, steps
        self._mean: dict[str, float] = {}

    def step(self, number: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            self._mean[name] = 0.98 * self._mean.get(name, value) + 0.02 * value
        if number % 200 == 0:
            table = ", ".join(f"{name} {value:.3f}" for name, value in self._mean.items())
            self._say(f"pictures: step {number} of {self._steps}: {table}")


def calibrated(frame: FrameNetwork, phases: Any, tune: Sequence[Samples]) -> Calibration:
    """Return what the tuning procedures, all of one kind, say about scores and spreads."""
    videos: list[Watched] = [watch(frame, one) for one in tune]
    said = [follow(phases, video) for video in videos]
    truth = torch.from_numpy(np.concatenate([video.course for video in videos]))
    logits = torch.cat([one.phase[0] for one in said])
    temperature = fit_temperature(logits, truth[:, 1].long())
    scores, right, wanted = _ranked(frame, tune)
    found_at = _best_threshold(scores, right, wanted)
    line = fit_line(np.log(scores / (1 - scores)), right)
    known = truth[:, 3] >= 0
    return Calibration(
        phase_temperature=temperature,
        score_line=line,
        found_at=found_at,
        left_spread=spread_of(torch.cat([one.left[0] for one in said]), truth[:, 4]),
        next_spread=spread_of(
            torch.cat([one.phase_left[0] for one in said])[known], truth[known, 3]
        ),
    )


def _ranked(
    frame: FrameNetwork, sets: Sequence[Samples]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Return the scores of all that was found, whether each is right, and how many there are."""
    procedure = sets[0].procedure
    first = slots_of(procedure).instrument
    true: list[tuple[Any, ...]] = []
    said: list[tuple[Any, ...]] = []
    picture = 0
    for samples in sets:
        for start, answers in answers_of(frame, samples):
            for place in range(len(answers.features)):
                tools = samples.tools[samples.tools[:, 0] == start + place].tolist()
                true += [(picture, row[1] - first, _corner(row)) for row in tools]
                found = found_in(answers, place, threshold=LOWEST)
                said += [(picture, one.instrument - first, one.box, one.score) for one in found]
                picture += 1
    truth = BoxSet.of(*zip(*true, strict=True))
    predicted = BoxSet.of(*zip(*said, strict=True))
    scores: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    for label in range(len(terms_of(procedure).instrument.labels)):
        own = predicted.of_class(label)
        right.append(ranked_hits(truth.of_class(label), own, RIGHT, "coco"))
        scores.append(-np.sort(-own.score))
    return np.clip(np.concatenate(scores), 1e-6, 1 - 1e-6), np.concatenate(right), len(true)


def _corner(row: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = row[2:6]
    return x - width / 2, y - height / 2, width, height


def _best_threshold(scores: NDArray[np.float64], right: NDArray[np.bool_], wanted: int) -> float:
    """Return the score from which what is found gives the best F1."""
    order = np.argsort(-scores)
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + wanted)
    return round(float(scores[order][f1.argmax()]), 3)
