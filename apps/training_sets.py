"""The simulated procedures that the bundled weights learn from, and those they are measured on.

A training set is named by its procedure and seed; whoever is of another build than three patients
in four is left out of it, and met for the first time by the scorer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from videoengine.models.workflow.samples import file_of, make_samples
from videoengine.recon3d.simulator import load_procedure, make_plan
from videoengine.recon3d.simulator.anatomy import USUAL
from videoengine.recon3d.simulator.patient import make_anatomy

FIRST_SEED: Final = {"train": 10_000, "tune": 20_000, "test": 900_000}
"""Where the seeds of a part begin; the seeds of demos, tests and documentation lie below."""
SIZES: Final = ("256x208", "256x144")
"""Sizes that take turns: the shapes of a colonoscope's and a laparoscope's picture."""

THREADS: Final = "OMP_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Made:
    """One simulated procedure of a set."""

    procedure: str
    seed: int
    build: str
    uri: str


def procedures_of(part: str, procedure: str, number: int) -> list[Made]:
    """Return the first so many procedures of a part; only `test` has patients of every build."""
    return list(islice(_every(part, procedure), number))


def _every(part: str, procedure: str) -> Iterator[Made]:
    grammar = load_procedure(procedure)
    turn = 0
    for seed in count(FIRST_SEED[part]):
        build = make_anatomy(make_plan(grammar, seed)).build
        if part != "test" and build != USUAL:
            continue
        size = SIZES[0] if part == "test" else SIZES[turn % len(SIZES)]
        yield Made(procedure, seed, build, f"sim://{procedure}?seed={seed}&size={size}&fps=1")
        turn += 1


def render(
    wanted: Sequence[Made], folder: Path, *, workers: int, told: Callable[[int, int], None]
) -> list[Path]:
    """Return the files of these procedures, rendered where they are not there yet.

    Args:
        wanted: The procedures.
        folder: Where the files lie.
        workers: Processes that render side by side.
        told: Called with how many there are and how many were wanted, after each.
    """
    missing = [one for one in wanted if not file_of(folder, one.uri).exists()]
    done = len(wanted) - len(missing)
    told(done, len(wanted))
    with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        running = [
            pool.submit(make_samples, one.uri, folder, procedure=one.procedure) for one in missing
        ]
        for ended in as_completed(running):
            ended.result()
            done += 1
            told(done, len(wanted))
    return [file_of(folder, one.uri) for one in wanted]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Have processes started within render on one thread each: there is one for every core.

    They are fresh interpreters: a fork of a process that has used torch may hang, and the number
    of threads is read when the native library is loaded.
    """
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before
