"""Training sets: what a source shows once a second, and what is true of it, in one file a source.

A set is made from anything that opens as a source with truth (`sim://…`, `dataset://…`). Pictures
are kept as JPEG, masks at a quarter of the picture's size. A file is written whole or not at all,
so a run that is cut off goes on with the next source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from videoengine.frames import Frame
from videoengine.models.workflow.network import STRIDE
from videoengine.models.workflow.terms import slots_of, terms_of
from videoengine.sources import Source, Truth, with_truth
from videoengine.streams import open_source
from videoengine.streams.jpeg import JpegEncoder

QUALITY: Final = 4
"""Quantizer scale of the JPEG pictures: about what an H.264 recording leaves."""
NONE: Final = -1
VISIBLE: Final = (0.0005, 0.003)
"""Share of a picture from which a polyp may be, and is, said to be seen."""
POLYP: Final = "polyp"
TOOL_COLUMNS: Final = ("frame", "instrument", "x", "y", "width", "height", "verb", "target")


@dataclass(frozen=True, slots=True)
class Samples:
    """What one source showed: N pictures and what is true of them."""

    procedure: str
    size: tuple[int, int]
    """(width, height)."""
    jpeg: NDArray[np.uint8]
    ends: NDArray[np.int64]
    """(N,), where each picture's JPEG ends."""
    mask: NDArray[np.uint8]
    """(N, h, w): instrument's output + 1, 0 tissue."""
    tools: NDArray[np.float32]
    """(M, 8): columns TOOL_COLUMNS; box in fractions, center first; outputs of the network."""
    states: NDArray[np.float32]
    """(N, 4): in the body, smoke, soiling, polyp; NaN unknown."""
    course: NDArray[np.float32]
    """(N, 5): seconds, phase, next phase, seconds left in the phase, seconds left; −1 unknown."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.ends)

    def picture(self, number: int) -> NDArray[np.uint8]:
        """Return a picture, uint8 (H, W, 3)."""
        start = int(self.ends[number - 1]) if number else 0
        codec: Any = av.CodecContext.create("mjpeg", "r")
        frames = codec.decode(av.Packet(self.jpeg[start : int(self.ends[number])].tobytes()))
        rgb: NDArray[np.uint8] = frames[0].to_ndarray(format="rgb24")
        return rgb


def file_of(folder: Path, uri: str) -> Path:
    """Return where the samples of a source lie."""
    return folder / f"{hashlib.sha256(uri.encode()).hexdigest()[:20]}.npz"


def make_samples(uri: str, folder: Path, *, procedure: str) -> Path:
    """Write the samples of a source, unless they are there; return their file."""
    path = file_of(folder, uri)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with open_source(uri) as source:
        samples = _gathered(source, procedure)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(
            file,
            procedure=np.asarray(samples.procedure),
            size=np.asarray(samples.size),
            jpeg=samples.jpeg,
            ends=samples.ends,
            mask=np.packbits(samples.mask > 0, axis=None),
            labels=samples.mask[samples.mask > 0],
            shape=np.asarray(samples.mask.shape),
            tools=samples.tools,
            states=samples.states,
            course=samples.course,
        )
    part.replace(path)
    return path


def read_samples(path: Path) -> Samples:
    """Return what `make_samples` wrote."""
    with np.load(path, allow_pickle=False) as file:
        shape = tuple(file["shape"].tolist())
        mask = np.zeros(shape, np.uint8)
        flags = np.unpackbits(file["mask"], count=mask.size).astype(bool).reshape(shape)
        mask[flags] = file["labels"]
        width, height = file["size"].tolist()
        return Samples(
            str(file["procedure"]),
            (width, height),
            file["jpeg"],
            file["ends"],
            mask,
            file["tools"],
            file["states"],
            file["course"],
        )


def _gathered(source: Source, procedure: str) -> Samples:
    encoder = JpegEncoder(QUALITY)
    pictures: list[bytes] = []
    masks: list[NDArray[np.uint8]] = []
    tools: list[list[float]] = []
    states: list[list[float]] = []
    course: list[list[float]] = []
    slots = slots_of(procedure)
    arrays = ["mask/instrument"]
    if "region" in getattr(source, "truth_arrays", ()):
        arrays.append("region")
    for number, (frame, truth) in enumerate(with_truth(source, arrays=arrays)):
        pictures.append(encoder.encode(frame.pixels.rgb()))
        small = truth.array("mask/instrument").array[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        masks.append(np.where(small > 0, small + slots.instrument, 0).astype(np.uint8))
        tools += _tools(truth, procedure, number)
        states.append([*_states(truth), _polyp(truth, procedure)])
        course.append(_course(truth, frame))
    return Samples(
        procedure=procedure,
        size=source.info.size,
        jpeg=np.frombuffer(b"".join(pictures), np.uint8),
        ends=np.cumsum([len(p) for p in pictures], dtype=np.int64),
        mask=np.stack(masks),
        tools=np.asarray(tools, np.float32).reshape(-1, len(TOOL_COLUMNS)),
        states=np.asarray(states, np.float32),
        course=np.asarray(course, np.float32),
    )


def _tools(truth: Truth, procedure: str, number: int) -> Iterator[list[float]]:
    """Yield a row for each instrument with a box; boxes and triplets come in one order."""
    slots = slots_of(procedure)
    seen = [e.payload for e in truth.of("instrument") if e.payload["label"] is not None]
    doing = [event.payload for event in truth.of("triplet")]
    for tool, triplet in zip(seen, doing, strict=True):
        if tool["box"] is None:
            continue
        x, y, width, height = tool["box"]
        yield [
            number,
            tool["label"]["id"] + slots.instrument,
            x + width / 2,
            y + height / 2,
            width,
            height,
            triplet["verb"]["id"] + slots.verb,
            triplet["target"]["id"] + slots.target,
        ]


def _states(truth: Truth) -> list[float]:
    inside = truth.of("privacy")[0].payload["decision"] == "allow"
    quality = [event.payload for event in truth.of("quality")]
    smoke, soiling = (quality[0][k] if quality else np.nan for k in ("smoke", "soiling"))
    return [float(inside), smoke, soiling]


def _polyp(truth: Truth, procedure: str) -> float:
    """Return 1 where a polyp is seen, 0 where none is, NaN where it is too small to say."""
    targets = [label.name for label in terms_of(procedure).target.labels]
    region = [array.array for array in truth.arrays if array.name == "region"]
    if POLYP not in targets:
        return 0.0
    if not region:
        return np.nan
    share = float((region[0] == targets.index(POLYP) + 1).mean())
    low, high = VISIBLE
    return 1.0 if share >= high else np.nan if share >= low else 0.0


def _course(truth: Truth, frame: Frame) -> list[float]:
    phase = truth.of("phase")[0].payload["label"]["id"]
    ahead = [event.payload for event in truth.of("anticipation")]
    left = [e.payload for e in truth.of("measurement") if e.payload["name"] == "remaining"]
    return [
        frame.pts_ns / 1e9,
        phase,
        ahead[0]["label"]["id"] if ahead else NONE,
        ahead[0]["in_seconds"] if ahead else NONE,
        left[0]["value"] if left else NONE,
    ]
