"""Out-of-body spans spliced into in-body clips, encoded as one video, with the truth per frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import out_of_body
from numpy.typing import NDArray

from support.clips import write_clip

Picture = NDArray[np.uint8]
BODY_FRAMES = 60
"""In-body frames between two spans, and at both ends: 2.4 s."""
TROCAR = "cholec80_clips/group22-VID05_1858_and_VID08_1331_a.mp4"
REAL_KINDS = ("pitvis", "trocar")


@dataclass(frozen=True)
class Splice:
    """A spliced video."""

    path: Path
    outside: list[bool]
    """For each frame, whether it shows the outside of the body."""


def read(path: Path, size: tuple[int, int]) -> Iterator[Picture]:
    """Yield the pictures of a clip at a size, uint8 (H, W, 3)."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            picture: Any = frame.to_ndarray(width=size[0], height=size[1], format="rgb24")
            yield picture


def outside(kind: str, count: int, size: tuple[int, int], shared: Path) -> Iterator[Picture]:
    """Yield `count` pictures from outside the body: a scene of `out_of_body`, or a real one."""
    if kind == "trocar":
        return itertools.islice(read(shared / TROCAR, size), 100, 100 + count)
    if kind == "pitvis":
        stills = [next(read(shared / "pitvis" / f"{n:05d}.png", size)) for n in range(3)]
        # One still for 8 frames each: cuts inside the span are part of what must not leak.
        return (stills[(index // 8) % 3] for index in range(count))
    return out_of_body.frames(out_of_body.scene_named(kind), count, size=size)


def splice(
    body: Path,
    spans: Sequence[tuple[str, int]],
    out: Path,
    *,
    size: tuple[int, int],
    shared: Path,
) -> Splice:
    """Write `body` with spans of (kind, frames) cut in, H.264, 25 frames/s."""
    inside = list(itertools.islice(read(body, size), 120))
    loop = itertools.cycle([*inside, *reversed(inside)])  # there and back: no cut in the body
    truth: list[bool] = []

    def pictures() -> Iterator[Picture]:
        for kind, count in spans:
            yield from itertools.islice(loop, BODY_FRAMES)
            yield from outside(kind, count, size, shared)
        yield from itertools.islice(loop, BODY_FRAMES)

    for _, count in spans:
        truth += [False] * BODY_FRAMES + [True] * count
    truth += [False] * BODY_FRAMES
    stamps = [index * 40 for index in range(len(truth))]
    options = {"preset": "veryfast", "crf": "21"}
    path = write_clip(out, stamps_ms=stamps, size=size, pictures=pictures(), options=options)
    return Splice(path, truth)
