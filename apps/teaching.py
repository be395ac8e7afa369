"""How `train head` teaches: from single frames, or from whole videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from videoengine.errors import UsageError, nearest
from videoengine.models.readouts import FeatureCache
from videoengine.models.readouts.feature_cache import default_folder
from videoengine.models.workflow.few_shot import ALL, TEXT_METHODS, train_head
from videoengine.models.workflow.few_shot_head import TASKS, TEMPORAL, FewShotHead, Task
from videoengine.models.workflow.few_shot_networks import METHODS, Method
from videoengine.models.workflow.few_shot_samples import (
    FrameEncoder,
    Labelled,
    Tell,
    one_vocabulary,
    read_labels,
)
from videoengine.models.workflow.head_courses import RATE_HZ, read_course
from videoengine.models.workflow.head_training import STEPS, calibrate, train_temporal
from videoengine.models.workflow.prompts import PromptSet, bundled, read_prompts


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a head is taught."""

    backbone: str
    """NAME or NAME=PATH."""
    method: str = "linear"
    task: str = "phase"
    shots: str = ALL
    """Labelled frames a class, or `all`; a temporal head takes all."""
    seed: int = 0
    prompts: str | None = None
    rate_hz: float = RATE_HZ
    """Frames a second that labels are read at."""
    procedure: str | None = None
    """What the sources show, where they do not say it themselves."""
    steps: int = STEPS
    """Of training a temporal head."""
    calibrate: tuple[str, ...] = ()
    """Sources that a temporal head's probabilities are fitted on."""

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        _check_one_of(self.method, METHODS, "--method")
        _check_one_of(self.task, TASKS, "--task")
        _shots(self.shots)
        if self.steps < 1:
            raise UsageError("--steps", got=self.steps, allowed="1 or more")
        if self.method != TEMPORAL:
            if self.calibrate:
                raise UsageError(
                    "Only a temporal head is calibrated", got=self.method, allowed=TEMPORAL
                )
            return
        if self.shots != ALL:
            raise UsageError(
                "A temporal head learns from whole videos", got=self.shots, allowed=ALL
            )
        if self.rate_hz != RATE_HZ:
            raise UsageError(
                "A temporal head takes one step a second", got=self.rate_hz, allowed=RATE_HZ
            )


def teach(
    sources: Sequence[str], network: FrameEncoder, lesson: Lesson, tell: Tell | None
) -> tuple[FewShotHead, list[Labelled]]:
    """Return a head, and the labelled frames that could have taught it."""
    if lesson.method == TEMPORAL:
        return _follow(sources, network, lesson, tell)
    return _choose(sources, network, lesson, tell)


def _choose(
    sources: Sequence[str], network: FrameEncoder, lesson: Lesson, tell: Tell | None
) -> tuple[FewShotHead, list[Labelled]]:
    """Learn from single frames."""
    rate_hz, task, method = lesson.rate_hz, cast("Task", lesson.task), cast("Method", lesson.method)
    labelled = [read_labels(one, task, rate_hz=rate_hz, tell=tell) for one in sources]
    terms = one_vocabulary(labelled).name
    head = train_head(
        labelled,
        network,
        method=method,
        task=task,
        shots=_shots(lesson.shots),
        seed=lesson.seed,
        rate_hz=rate_hz,
        procedures=_procedures(labelled, lesson),
        prompts=_prompts(lesson.prompts, terms) if method in TEXT_METHODS else None,
        tell=tell,
    )
    return head, labelled


def _follow(
    sources: Sequence[str], network: FrameEncoder, lesson: Lesson, tell: Tell | None
) -> tuple[FewShotHead, list[Labelled]]:
    """Learn from whole videos."""
    cache, task = FeatureCache(default_folder()), cast("Task", lesson.task)
    courses, held = (
        [read_course(one, network, task, cache=cache, tell=tell) for one in named]
        for named in (sources, lesson.calibrate)
    )
    labelled = [one.labelled for one in courses]
    head = train_temporal(
        courses,
        network,
        task=task,
        procedures=_procedures(labelled, lesson),
        seed=lesson.seed,
        steps=lesson.steps,
    )
    return (calibrate(head, held) if held else head), labelled


def _procedures(labelled: Sequence[Labelled], lesson: Lesson) -> tuple[str, ...]:
    """Return what the head may speak of: a head that covers anything would answer anywhere."""
    if lesson.procedure is not None:
        return (lesson.procedure,)
    silent = [one.uri for one in labelled if not one.procedures]
    if silent:
        raise UsageError(
            "A source does not say which procedure it shows",
            got=silent[0],
            remedy="Name it: --procedure NAME. The head will run under that name only.",
        )
    return tuple(sorted({name for one in labelled for name in one.procedures}))


def _check_one_of(given: str, allowed: Sequence[str], option: str) -> None:
    if given not in allowed:
        raise UsageError(
            f"{option} has no such choice",
            got=repr(given),
            allowed=", ".join(allowed),
            remedy=nearest(given, allowed),
        )


def _shots(text: str) -> int | None:
    if text == ALL:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError("--shots", got=repr(text), allowed="1, 4, 16, … or all")
    return int(text)


def _prompts(named: str | None, terms: str) -> PromptSet:
    """Return the prompts that were named, else the bundled ones of this vocabulary."""
    if named is not None:
        return read_prompts(named)
    every = (read_prompts(name) for name in bundled())
    fitting = [one for one in every if one.vocabulary.name == terms and one.prompts]
    if not fitting:
        raise UsageError(
            f"No prompts for {terms} ship with videoengine", remedy="Give a file: --prompts FILE."
        )
    return fitting[0]
