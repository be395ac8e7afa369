"""Curves of the privacy rule on real video: false blanks against missed out-of-body samples.

    .venv/bin/python tests/benchmarks/privacy_curve.py [--shared ../shared]

Every source runs through the stage's own rule at 5 Hz (stills as they come). In-body sources give
the false-blank rate. Out-of-body sources give the missed rate: each is spliced behind an in-body
sample, so that the rule starts from its most trusting state. Prints a table and writes
docs/benchmarks/privacy.json and privacy.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import out_of_body  # noqa: E402

from videoengine.frames import Color, Pixels  # noqa: E402
from videoengine.models.quality.frame_statistics import (  # noqa: E402
    FrameStatistics,
    statistics_of,
)
from videoengine.models.quality.out_of_body import Cues, cues_of, score_of  # noqa: E402
from videoengine.models.quality.privacy import (  # noqa: E402
    RULES,
    THRESHOLD,
    change_between,
    is_allowed,
    scene_of,
)

TARGET: Final = ROOT / "docs/benchmarks"
SHARED: Final = Path(os.environ.get("VIDEOENGINE_SHARED", ROOT.parent / "shared"))
STEP: Final = 5
THRESHOLDS: Final = [round(0.05 * k, 2) for k in range(1, 21)]
TUNED: Final = "tuned on"
SEEN: Final = "seen while choosing"
UNUSED: Final = "not used"
FRESH: Final = 1000
"""Added to the seeds of scenes that nobody looked at while the rule was made."""
CHOLEC: Final = "cholec80_clips/group"


@dataclass(frozen=True)
class Sample:
    """What the rule knows of one sample."""

    cues: Cues
    scene: tuple[float, ...]
    statistics: FrameStatistics


@dataclass(frozen=True)
class Body:
    """In-body samples of one source."""

    name: str
    modality: str
    role: str
    samples: list[Sample]


def sample_of(pixels: Pixels) -> Sample:
    statistics = statistics_of(pixels)
    return Sample(cues_of(statistics), scene_of(statistics), statistics)


def plane_of(plane: Any) -> NDArray[np.uint8]:
    """Return one plane without its padding, uint8 (H, W)."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def pixels_of(frame: av.VideoFrame) -> Pixels:
    """Return a frame in its own 4:2:0 planes, any other layout as RGB."""
    size = (frame.width, frame.height)
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        rgb = frame.to_ndarray(format="rgb24")
        return Pixels(lambda: (rgb,), layout="rgb24", size=size, color=Color(full_range=True))
    planes = tuple(plane_of(plane) for plane in frame.planes)
    full = frame.format.name == "yuvj420p"
    return Pixels(lambda: planes, layout="yuv420p", size=size, color=Color(full_range=full))


def decoded(path: Path, step: int = 1) -> Iterator[Pixels]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % step == 0:
                yield pixels_of(frame)


def samples_of(paths: Iterable[Path], step: int = 1) -> list[Sample]:
    return [sample_of(pixels) for path in paths for pixels in decoded(path, step)]


def polyps(path: Path) -> list[Sample]:
    """Return the five colonoscopy pictures of the figure, cut out of it."""
    (sheet,) = (pixels.rgb() for pixels in decoded(path))
    height, width = sheet.shape[:2]
    found = []
    for left in (4, 77, 151, 224, 298):
        columns = slice(width * left // 364, width * (left + 64) // 364)
        rgb = np.ascontiguousarray(sheet[height * 17 // 273 : height * 83 // 273, columns])
        size = (rgb.shape[1], rgb.shape[0])
        color = Color(full_range=True)
        found.append(
            sample_of(Pixels(lambda rgb=rgb: (rgb,), layout="rgb24", size=size, color=color))
        )
    return found


def bodies(data: Path) -> list[Body]:
    rows = []
    roles = {"20": TUNED, "57": TUNED, "63": SEEN}
    for group, role in roles.items():
        (path,) = data.glob(f"{CHOLEC}{group}-*.mp4")
        rows.append(Body(f"cholec80 group {group}", "laparoscopy", role, samples_of([path], STEP)))
    for video in ("VID68", "VID70", "VID75"):
        stills = sorted((data / "cholect50/videos" / video).glob("*.jpg"))
        rows.append(Body(f"CholecT50 {video}", "laparoscopy", SEEN, samples_of(stills)))
    clip = samples_of([data / "endonerf/pulling_gt.mp4"], 6)
    rows.append(Body("EndoNeRF pulling", "robotic", SEEN, clip))
    lab = sorted((data / "surgvu25/frames").glob("*/*"))
    rows.append(Body("SurgVU 25 (training lab)", "robotic", UNUSED, samples_of(lab)))
    nose = sorted((data / "sinus/segment_13").glob("0*.jpg"))
    rows.append(Body("sinus", "sinus", UNUSED, samples_of(nose)))
    colon = sorted((data / "simcol3d").glob("FrameBuffer*.png"))
    rows.append(Body("SimCol3D (rendered)", "colonoscopy", UNUSED, samples_of(colon)))
    figure = polyps(data / "polyp_segmentation/out_2.png")
    rows.append(Body("polyps", "colonoscopy", UNUSED, figure))
    inside = [data / f"pitvis/{n:05d}.png" for n in (3, 4)]
    rows.append(Body("PitVis 3-4 (nostril)", "pituitary", UNUSED, samples_of(inside)))
    return rows


def outside(data: Path) -> dict[str, list[Sample]]:
    (trocar,) = data.glob(f"{CHOLEC}22-*.mp4")
    found = {
        "trocar": samples_of([trocar]),
        "PitVis 0-2": samples_of(data / f"pitvis/{n:05d}.png" for n in range(3)),
    }
    fresh = [replace(s, name=f"{s.name} (fresh)", seed=s.seed + FRESH) for s in out_of_body.SCENES]
    for scene in (*out_of_body.SCENES, *fresh):
        pictures = list(out_of_body.frames(scene, 10))[::3]
        color = Color(full_range=True)
        found[scene.name] = [
            sample_of(Pixels(lambda rgb=rgb: (rgb,), layout="rgb24", size=(854, 480), color=color))
            for rgb in pictures
        ]
    return found


def shown(samples: list[Sample], modality: str, threshold: float, before: Sample | None) -> int:
    """Return how many samples are allowed, from an epoch's start or behind an allowed sample."""
    inside, scene, count = before is not None, before.scene if before else (), 0
    for sample in samples:
        score = score_of(sample.cues, RULES[modality])
        inside = is_allowed(score, inside, change_between(scene, sample.scene), threshold)
        scene = sample.scene
        count += inside
    return count


def rates(
    inside: list[Body], out: dict[str, list[Sample]], modality: str, threshold: float
) -> tuple[float, float]:
    """Return the false-blank rate and the missed rate, each sample behind each body's first."""
    seen = sum(shown(body.samples, modality, threshold, None) for body in inside)
    count = sum(len(body.samples) for body in inside)
    befores = [body.samples[0] for body in inside]
    missed = sum(
        shown(samples, modality, threshold, before)
        for samples in out.values()
        for before in befores
    )
    tried = sum(len(samples) for samples in out.values()) * len(befores)
    return 1 - seen / count, missed / tried


def curves(rows: list[Body], out: dict[str, list[Sample]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    modalities = [*dict.fromkeys(body.modality for body in rows), "unknown"]
    for modality in modalities:
        inside = [b for b in rows if modality in (b.modality, "unknown")]
        points = [(t, *rates(inside, out, modality, t)) for t in THRESHOLDS]
        found[modality] = {
            "missed_at_threshold": {
                name: missed
                for name, samples in out.items()
                if (missed := rates(inside, {name: samples}, modality, THRESHOLD)[1])
            },
            "curve": [[round(value, 4) for value in point] for point in points],
            "sources": {
                b.name: {
                    "role": b.role,
                    "samples": len(b.samples),
                    "blanked": len(b.samples) - shown(b.samples, modality, THRESHOLD, None),
                }
                for b in inside
            },
        }
    return found


COLORS: Final = ("#1b6ca8", "#c2452d", "#2e8b57", "#8a5fb0", "#b8860b", "#222222")


def drawing(found: dict[str, Any]) -> str:
    """Return the curves as an SVG: threshold across, both rates up."""
    left, top, width, height = 60, 30, 560, 300
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 390" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="800" height="390" fill="white"/>',
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>',
    ]
    for k in range(6):
        y = top + height * (1 - k / 5)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{20 * k} %</text>')
        x = left + width * k / 5
        parts.append(
            f'<text x="{x:.0f}" y="{top + height + 18}" text-anchor="middle">{k / 5}</text>'
        )
    at = left + width * THRESHOLD
    parts.append(f'<path d="M{at} {top}v{height}" stroke="#999" stroke-dasharray="3 3"/>')
    for index, (modality, row) in enumerate(found.items()):
        color = COLORS[index % len(COLORS)]
        for column, dash in ((1, ""), (2, ' stroke-dasharray="6 4"')):
            line = " ".join(
                f"{left + width * p[0]:.1f},{top + height * (1 - p[column]):.1f}"
                for p in row["curve"]
            )
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"{dash}/>'
            )
        y = top + 14 + 20 * index
        parts.append(f'<text x="{left + width + 16}" y="{y}" fill="{color}">{modality}</text>')
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">threshold '
        "(operating point dotted); solid: false blanks, dashed: missed out of body</text></svg>"
    )
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED)
    data = parser.parse_args().shared / "data"
    rows, out = bodies(data), outside(data)
    found = curves(rows, out)
    for modality, row in found.items():
        print(f"{modality}: threshold, false blanks, missed")
        for threshold, false, missed in row["curve"][3::4]:
            print(f"  {threshold:.2f}  {false:7.2%}  {missed:7.3%}")
        print(f"  missed at {THRESHOLD}: {row['missed_at_threshold'] or 'none'}")
        for name, source in row["sources"].items():
            print(f"  {name} ({source['role']}): {source['blanked']} of {source['samples']}")
    document = {
        "command": ".venv/bin/python tests/benchmarks/privacy_curve.py",
        "threshold": THRESHOLD,
        "columns": ["threshold", "false_blank_rate", "missed_rate"],
        "out_of_body_samples": {name: len(samples) for name, samples in out.items()},
        "modalities": found,
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "privacy.json").write_text(json.dumps(document, indent=1) + "\n")
    (TARGET / "privacy.svg").write_text(drawing(found))


if __name__ == "__main__":
    main()
