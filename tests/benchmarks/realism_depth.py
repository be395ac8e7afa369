"""Light against depth wherever a depth is known; a lamp at the camera gives a slope of -2.

No real laparoscopy here has a depth. The nearest real tissue is a porcine stereo pair (depth up to
a factor, from our own matching) and a sinus video (sparse points of structure from motion).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from realism_clips import cv2, rgb_of
from realism_statistics import BRIGHT, Floats, depth_slope, luma_of

EVERY: Final = 25
"""Frames of a simulated video between two whose depth is read."""
PATCH: Final = 2
"""Pixels to either side of a sparse point over which its luma is averaged."""
STEREO: Final = {"minDisparity": 0, "numDisparities": 128, "blockSize": 7}
STEREO_SMOOTHNESS: Final = {"P1": 8 * 49, "P2": 32 * 49, "uniquenessRatio": 10}
SMALLEST: Final = 4.0
"""Disparities below, in pixels, are not used."""


def read(path: Path) -> Any:
    """Return a picture, uint8 (H, W, 3), RGB."""
    return cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]


def read_depth(path: Path) -> Floats:
    """Return a map of one channel, (H, W), in the unit of its file."""
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float64)


def dense_slope(luma: Floats, depth: Floats) -> float | None:
    """Return the slope over the pixels that have a depth and are not highlights."""
    use = (depth > 0) & (luma < BRIGHT)
    return depth_slope(luma[use], depth[use])


def rendered(folder: Path) -> list[float]:
    """Return the slopes of SimCol3D's pictures."""
    found = []
    for path in sorted(folder.glob("FrameBuffer_*.png")):
        depth = read_depth(path.with_name(path.name.replace("FrameBuffer", "Depth")))
        slope = dense_slope(luma_of(read(path)), depth)
        found += [] if slope is None else [slope]
    return found


def porcine(folder: Path) -> list[float]:
    """Return the slope of the rectified stereo pair, by semi-global matching at half size."""
    left, right = (
        cv2.resize(
            read(folder / f"img_{side}.png"), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
        )
        for side in ("left", "right")
    )
    matcher = cv2.StereoSGBM_create(**STEREO, **STEREO_SMOOTHNESS)
    disparity = matcher.compute(left, right).astype(np.float64) / 16
    depth = np.where(disparity >= SMALLEST, 1 / np.maximum(disparity, SMALLEST), 0)
    slope = dense_slope(luma_of(left), depth)
    return [] if slope is None else [slope]


def sinus(folder: Path) -> list[float]:
    """Return the slope at the sparse points of every frame of the sinus video."""
    seen = np.load(folder / "derived_sparse_depth.npz")["obs"]
    found = []
    for number in np.unique(seen[:, 0]):
        luma = luma_of(read(folder / f"{int(number):08d}.jpg"))
        luma = cv2.blur(luma, (2 * PATCH + 1, 2 * PATCH + 1))
        u, v, depth = seen[seen[:, 0] == number][:, 1:4].astype(np.float64).T
        slope = depth_slope(luma[v.round().astype(int), u.round().astype(int)], depth)
        found += [] if slope is None else [slope]
    return found


def labelled(folder: Path) -> list[float]:
    """Return the slopes of simulated videos with 16-bit depth under their folder."""
    found = []
    for video in sorted(folder.rglob("video.mp4")):
        pictures = (video.parent / "labels/depth").glob("*.png")
        names = {int(path.stem): path for path in pictures}
        if not names:
            continue
        with av.open(str(video)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % EVERY or index not in names:
                    continue
                depth = read_depth(names[index])
                luma = luma_of(rgb_of(frame))
                slope = dense_slope(luma, depth)
                found += [] if slope is None else [slope]
    return found


def depth_report(data: Path, simulated: Path | None) -> dict[str, Any]:
    """Return the median slope of every source that has a depth, and how many pictures gave one."""
    sources = {
        "real laparoscopy": [],
        "SCARED porcine stereo pair (real, own stereo matching)": porcine(data / "scared"),
        "sinus endoscopy (real, sparse structure from motion)": sinus(data / "sinus/segment_13"),
        "SimCol3D (rendered)": rendered(data / "simcol3d"),
        "simulated": [] if simulated is None else labelled(simulated),
    }
    return {
        name: {"median": round(float(np.median(found)), 2), "pictures": len(found)}
        if found
        else "no depth"
        for name, found in sources.items()
    }
