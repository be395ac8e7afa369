"""The clips that the realism benchmark compares: real ones from outside the project, and simulated.

A clip is a few dozen pictures of one operation or of one seed, each with its view and, in a video,
the motion to the next frame. Pictures out of the body are left out by the engine's own rule.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import av
import cv2 as _cv2  # pyright: ignore[reportMissingImports]
import numpy as np
from realism_statistics import SIDE, Image, View, mask_of

from videoengine.frames import Color, Pixels
from videoengine.models.quality.frame_statistics import statistics_of
from videoengine.models.quality.out_of_body import cues_of, score_of
from videoengine.models.quality.privacy import RULES, THRESHOLD
from videoengine.models.quality.view_circle import fit_circle
from videoengine.payloads import ViewCircle

cv2: Any = _cv2  # typed or absent, the checker sees the same
Kind = Literal["real", "rendered", "simulated"]

PICTURES: Final = 40
"""Pictures taken of a clip, spread evenly."""
FPS: Final = 25
"""Frame rate for which motion is stated."""
BLACK: Final = 8
"""A pixel whose channels all lie below is outside the view."""
SURROUND: Final = 0.05
"""Part of a picture that is black where the view is a disc, even when no circle was found."""
CHOLEC80: Final = ("20", "57", "63")
"""Groups of the real clips; 22 looks out of a trocar."""
CHOLECT50: Final = ("VID68", "VID70", "VID75")
FIRST, LAST = 20, 340
"""Seconds between which windows are rendered: a procedure is 6 to 10 minutes long."""
POLYP_COLUMNS: Final = (4, 77, 151, 224, 298)
"""Left edges of the five pictures of the figure, in parts of 364 of its width."""

POLYP_RADIUS: Final = 0.34
"""Radius, in parts of their side, of a disc inside the view of all five."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, SIDE pixels on its short side."""

    rgb: Image
    view: View
    motion: tuple[float, float] | None
    """Median and 95th percentile of flow in the view, in pixels a frame at FPS."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures of one operation, one seed or one rendered set: never split between folds."""

    name: str
    kind: Kind
    pictures: list[Picture] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    """Places, among the pictures tried, of those out of the body."""
    enlarged: bool = False
    """The pictures were smaller than SIDE: their fine detail says nothing."""


def resized(rgb: Image) -> Image:
    """Return a picture brought to SIDE pixels on its short side."""
    height, width = rgb.shape[:2]
    scale = SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.ascontiguousarray(rgb) if scale == 1 else cv2.resize(rgb, size, interpolation=method)


class Eye:
    """Finds the view of the pictures of one clip and says which lie in the body."""

    def __init__(self, modality: str | None) -> None:
        self.rule = None if modality is None else RULES[modality]
        self.last: ViewCircle | None = None

    def look(self, rgb: Image) -> View | None:
        """Return the view, or None out of the body; the last circle serves where none is found."""
        height, width = rgb.shape[:2]
        color = Color(full_range=True)
        pixels = Pixels(lambda: (rgb,), layout="rgb24", size=(width, height), color=color)
        statistics = statistics_of(pixels)
        if self.rule and score_of(cues_of(statistics), self.rule) >= THRESHOLD:
            return None
        circle = fit_circle(statistics, pixels, self.last)
        if circle is None and np.mean(rgb.max(axis=2) < BLACK) > SURROUND:
            circle = self.last
        self.last = circle
        if circle is None:
            return View(width / 2, height / 2, float(np.hypot(width, height)) / 2, False)
        return View(circle.cx * width, circle.cy * height, circle.radius * width, True)


def motion_between(first: Image, second: Image, view: View, fps: float) -> tuple[float, float]:
    """Return the median and 95th percentile of dense flow in the view, in pixels at FPS."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.cvtColor(second, cv2.COLOR_RGB2GRAY), None
    )
    lengths = np.hypot(flow[..., 0], flow[..., 1])[mask_of(view, first.shape[:2])]
    median, high = (float(np.quantile(lengths, q)) * fps / FPS for q in (0.5, 0.95))
    return median, high


def rgb_of(frame: Any) -> Image:
    """Return a decoded frame as uint8 (H, W, 3), RGB."""
    return frame.to_ndarray(format="rgb24")


def pairs_of(path: Path, count: int) -> Iterator[tuple[Image, Image | None, float]]:
    """Yield pictures spread over a video, each with the next frame and the frame rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or FPS)
        total = stream.frames or round(
            float((stream.duration or 0) * (stream.time_base or 0)) * fps
        )
        if min(stream.width, stream.height) < SIDE:
            got = f"{stream.width}x{stream.height}"
            raise SystemExit(f"{path}: at least {SIDE} pixels on the short side, got {got}")
        if total < 2:
            raise SystemExit(f"{path}: a video of at least 2 frames is needed, got {total}")
        chosen = {round(value) for value in np.linspace(0, total - 2, min(count, total - 1))}
        kept: Image | None = None
        for index, frame in enumerate(container.decode(stream)):
            if index not in chosen and kept is None:
                continue
            rgb = resized(rgb_of(frame))
            if kept is not None:
                yield kept, rgb, fps
            kept = rgb if index in chosen else None


def clip_of(name: str, kind: Kind, modality: str, sources: list[Path]) -> Clip:
    """Return the clip of videos, or of stills when the first source is no mp4.

    A rendered set keeps every picture: the rule out of the body was made for real ones.
    """
    clip, eye = Clip(name, kind), Eye(None if kind == "rendered" else modality)
    if sources[0].suffix == ".mp4":
        share = max(1, round(PICTURES / len(sources)))
        found = (pair for path in sources for pair in pairs_of(path, share))
    else:
        places = np.linspace(0, len(sources) - 1, min(PICTURES, len(sources)))
        stills = (sources[int(place)] for place in places)
        found = ((resized(cv2.imread(str(path))[..., ::-1]), None, 1.0) for path in stills)
    for index, (rgb, after, fps) in enumerate(found):
        view = eye.look(rgb)
        if view is None:
            clip.left_out.append(index)
            continue
        motion = None if after is None else motion_between(rgb, after, view, fps)
        clip.pictures.append(Picture(rgb, view, motion))
    return clip


def real_laparoscopy(data: Path) -> list[Clip]:
    """Return the real cholecystectomies: three videos and the stills of three others."""
    clips = []
    for group in CHOLEC80:
        sources = sorted((data / "cholec80_clips").glob(f"group{group}-*.mp4"))
        clips.append(clip_of(f"Cholec80 group {group}", "real", "laparoscopy", sources))
    for video in CHOLECT50:
        stills = sorted((data / "cholect50/videos" / video).glob("*.jpg"))
        clips.append(clip_of(f"CholecT50 {video}", "real", "laparoscopy", stills))
    return clips


def real_robotic(data: Path) -> list[Clip]:
    """Return the da Vinci clip, measured but kept out of the discriminator: another optic."""
    source = [data / "endonerf/pulling_gt.mp4"]
    return [clip_of("EndoNeRF pulling (da Vinci)", "real", "robotic", source)]


def real_colonoscopy(data: Path) -> list[Clip]:
    """Return all there is: five small stills of polyps, cut out of a figure."""
    sheet = cv2.imread(str(data / "polyp_segmentation/out_2.png"))[..., ::-1]
    height, width = sheet.shape[:2]
    clips = []
    for number, left in enumerate(POLYP_COLUMNS):
        columns = slice(width * left // 364, width * (left + 64) // 364)
        rgb = resized(np.ascontiguousarray(sheet[height * 17 // 273 : height * 83 // 273, columns]))
        inner = View(rgb.shape[1] / 2, rgb.shape[0] / 2, POLYP_RADIUS * SIDE, True)
        pictures = [Picture(rgb, inner, None)]
        clips.append(Clip(f"polyp still {number + 1}", "real", pictures, enlarged=True))
    return clips


def rendered_colonoscopy(data: Path) -> list[Clip]:
    """Return SimCol3D, itself a rendering: for scale, never for real."""
    stills = sorted((data / "simcol3d").glob("FrameBuffer*.png"))
    return [clip_of("SimCol3D", "rendered", "colonoscopy", stills)]


def simulated(folder: Path, modality: str) -> list[Clip]:
    """Return a clip for every DIR/<seed>, of all its videos."""
    clips = []
    for seed in sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.name):
        videos = sorted(seed.rglob("video.mp4"))
        if videos:
            clips.append(clip_of(f"seed {seed.name}", "simulated", modality, videos))
    if not clips:
        raise SystemExit(f"{folder} holds no <seed>/video.mp4: make them with videoengine simulate")
    return clips


def simulate(procedure: str, seeds: int, windows: int, folder: Path) -> dict[str, Any]:
    """Render windows of one second, spread over the procedure, of every seed; return how."""
    command = [str(Path(sys.executable).with_name("videoengine")), "simulate", procedure]
    options = ["--duration", "1s", "--size", "640x512", "--formats", "depth"]
    for seed in range(seeds):
        for window in range(windows):
            start = FIRST + window * (LAST - FIRST) // max(1, windows - 1)
            out = folder / str(seed) / str(start)
            places = ["--seed", str(seed), "--start", f"{start}s", "--out", str(out)]
            subprocess.run([*command, *places, *options], check=True, stdout=subprocess.DEVNULL)
    return {"seeds": seeds, "windows_of_a_second": windows, "options": " ".join(options)}
