"""What the bundled recogniser says of real clips and stills that have no labels frame by frame."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import out_of_body
import realism_clips
from privacy_curve import FRESH, decoded
from workflow_watched import IN_BODY_FROM, INSIDE, Looked, look, pixels_of, stepped

from videoengine.frames import Pixels
from videoengine.models.workflow.bundled import Bundle
from videoengine.models.workflow.procedure import UNKNOWN, Decision
from videoengine.models.workflow.recognisers import likeliest, sightings
from videoengine.models.workflow.terms import terms_of
from videoengine.vocabularies import vocabulary

PROCEDURE: Final = "cholecystectomy"
GROUPS: Final = ("20", "22", "57", "63")
TROCAR: Final = "22"
"""Looks out from inside the trocar."""
FPS: Final = 25
"""Of the clips; one picture a second is looked at."""
PICTURES: Final = 10
"""Of each rendered scene, of which every third is looked at."""


@dataclass(frozen=True)
class Other:
    """Real pictures that are no cholecystectomy, and what should be decided of them."""

    name: str
    right: str
    pictures: Callable[[], Iterable[Pixels]]


def clip_of(data: Path, group: str) -> Path:
    (path,) = (data / "cholec80_clips").glob(f"group{group}-*.mp4")
    return path


def stills(paths: Iterable[Path]) -> Iterator[Pixels]:
    return (pixels for path in sorted(paths) for pixels in decoded(path))


def clip_rows(bundle: Bundle, data: Path, limit: int | None) -> list[dict[str, Any]]:
    """Return what is said of each Cholec80 clip beside the triplet that names its group."""
    course, terms = bundle.courses[PROCEDURE], terms_of(PROCEDURE)
    classes = vocabulary("cholect50/triplet@1").labels
    rows: list[dict[str, Any]] = []
    for group in GROUPS:
        print(f"clip of group {group}", file=sys.stderr, flush=True)
        looked = look(bundle, PROCEDURE, islice(decoded(clip_of(data, group), FPS), limit))
        seconds = np.arange(len(looked.seen), dtype=np.float64)
        phase = stepped(course, looked, seconds).phase[0].argmax(dim=1).tolist()
        stated: Counter[str] = Counter()
        triplets: Counter[str] = Counter()
        for number, one in enumerate(looked.seen):
            seen = sightings(one.found, PROCEDURE, course)
            present = looked.presence[number] >= course.calibration.present_at
            names = {s.instrument for s in seen} | set(np.flatnonzero(present).tolist())
            stated.update(terms.instrument.labels[k].name for k in names)
            triplets.update({_triplet(s) for s in seen})
        right = classes[int(group)].name
        tool, count = right.split(",")[0], len(looked.seen)
        rows.append(
            {
                "group": f"{group}: {right}",
                "pictures": count,
                "phase, most of the time": terms.phase.labels[
                    Counter(phase).most_common(1)[0][0]
                ].name,
                "instruments stated": _shares(stated, count),
                "its instrument": f"{stated[tool] / count:.2f}",
                "its triplet": f"{triplets[right] / count:.2f}",
                "out of the body": f"{_outside(looked):.2f}",
            }
        )
    return rows


def _triplet(sighting: Any) -> str:
    terms = terms_of(PROCEDURE)
    verb, target, _ = likeliest(sighting, PROCEDURE)
    parts = (
        terms.instrument.labels[sighting.instrument],
        terms.verb.labels[verb],
        terms.target.labels[target],
    )
    return ",".join(part.name for part in parts)


def _shares(counts: Counter[str], pictures: int) -> str:
    shares = (f"{name} {number / pictures:.2f}" for name, number in counts.most_common())
    return ", ".join(shares) or "none"


def _outside(looked: Looked) -> float:
    return float((looked.states[:, INSIDE] < IN_BODY_FROM).mean())


def others(data: Path) -> list[Other]:
    """Return the sources that are no cholecystectomy; nothing covers a nose or a kidney."""

    def polyps() -> Iterator[Pixels]:
        for clip in realism_clips.real_colonoscopy(data):
            for picture in clip.pictures:
                yield pixels_of(np.ascontiguousarray(picture.rgb))

    return [
        Other("PitVis stills", UNKNOWN, lambda: stills((data / "pitvis").glob("*.png"))),
        Other("sinus", UNKNOWN, lambda: stills((data / "sinus/segment_13").glob("0*.jpg"))),
        Other("EndoNeRF pulling", UNKNOWN, lambda: decoded(data / "endonerf/pulling_gt.mp4", 6)),
        Other("SurgVU 25", UNKNOWN, lambda: stills((data / "surgvu25/frames").glob("*/*"))),
        Other("SimCol3D (rendered)", "colonoscopy",
              lambda: stills((data / "simcol3d").glob("FrameBuffer*.png"))),
        Other("polyps (crops of 65 pixels)", "colonoscopy", polyps),
    ]  # fmt: skip


def decision_rows(
    bundle: Bundle, data: Path, decided: Mapping[str, Decision], limit: int | None
) -> list[dict[str, Any]]:
    """Return what is decided of every source under the rule of the procedure stage."""
    rows = [_row(f"CholecT50 {name}", PROCEDURE, one) for name, one in decided.items()]
    sources = [
        Other(f"cholec80 clip {group}", UNKNOWN if group == TROCAR else PROCEDURE,
              lambda group=group: decoded(clip_of(data, group), FPS))
        for group in GROUPS
    ]  # fmt: skip
    for source in (*sources, *others(data)):
        print(source.name, file=sys.stderr, flush=True)
        looked = look(bundle, PROCEDURE, islice(source.pictures(), limit))
        rows.append(_row(source.name, source.right, looked.decision))
    return rows


def _row(name: str, right: str, decision: Decision) -> dict[str, Any]:
    labels = vocabulary("videoengine/procedure@1").labels
    means = ", ".join(f"{labels[int(k)].name} {v:.2f}" for k, v in decision.probabilities.items())
    return {
        "source": name,
        "in-body pictures": decision.samples,
        "should be": right,
        "decided": decision.procedure,
        "mean probabilities": means or "none",
    }


def outside_rows(
    bundle: Bundle, data: Path, looked: Mapping[str, Looked], limit: int | None
) -> list[dict[str, Any]]:
    """Return the share of pictures taken for out of the body: 1 is right outside, 0 inside."""
    inside = {f"CholecT50 {name}": one for name, one in looked.items()}
    rows = [_outside_row(name, "inside", one) for name, one in inside.items()]

    def add(name: str, where: str, pictures: Iterable[Pixels]) -> None:
        print(f"{where}: {name}", file=sys.stderr, flush=True)
        rows.append(_outside_row(name, where, look(bundle, PROCEDURE, islice(pictures, limit))))

    for group in GROUPS:
        where = "outside" if group == TROCAR else "inside"
        add(f"cholec80 clip {group}", where, decoded(clip_of(data, group), FPS // 5))
    for source in others(data):
        if source.name != "PitVis stills":
            add(source.name, "inside", source.pictures())
    pitvis = [data / f"pitvis/{number:05d}.png" for number in range(5)]
    add("PitVis 0-2", "outside", stills(pitvis[:3]))
    add("PitVis 3-4 (nostril)", "inside", stills(pitvis[3:]))
    for kind in dict.fromkeys(scene.kind for scene in out_of_body.SCENES):
        for name, more in (("", 0), (", fresh seeds", FRESH)):
            add(f"{kind} (rendered{name})", "outside", _scenes(kind, more))
    return rows


def _scenes(kind: str, more: int) -> Iterator[Pixels]:
    """Yield pictures of the rooms and walls that the privacy rule is tested on."""
    for scene in out_of_body.SCENES:
        if scene.kind == kind:
            seeded = replace(scene, seed=scene.seed + more)
            for picture in list(out_of_body.frames(seeded, PICTURES))[::3]:
                yield pixels_of(picture)


def _outside_row(name: str, where: str, looked: Looked) -> dict[str, Any]:
    chance = looked.states[:, INSIDE]
    share = _outside(looked)
    return {
        "source": name,
        "where": where,
        "pictures": len(chance),
        "taken for out of the body": f"{share:.3f}",
        "wrong": round((share if where == "inside" else 1 - share) * len(chance)),
        "in-body probability, median": f"{np.median(chance):.3f}",
    }
