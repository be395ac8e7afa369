"""How near the simulator comes to real pictures: statistics side by side, and a discriminator.

    .venv/bin/python tests/benchmarks/realism.py --simulated DIR [--look SHEET.png]

DIR holds <seed>/video.mp4 as `videoengine simulate` writes them, at least 256 pixels on the short
side; without it the benchmark renders its own. Real clips are read from ../shared/data and stay
there: docs/benchmarks/realism_<procedure>.json holds only numbers over whole clips. `--real` prints
what is known of the real clips and publishes nothing. `--look` writes a contact sheet for
developers' eyes, outside the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import realism_clips as clips
import torch
from measure import ROOT, publish
from realism_clips import Clip, Picture, cv2
from realism_depth import depth_report
from realism_discriminator import (
    area_under_curve,
    compare,
    crops_of_clip,
    grainy,
    halves_accuracy,
    result_of,
)
from realism_statistics import SIDE, statistics_in_view

SHARED: Final = Path(os.environ.get("VIDEOENGINE_SHARED", ROOT.parent / "shared"))
MODALITIES: Final = {"cholecystectomy": "laparoscopy", "colonoscopy": "colonoscopy"}
MOTION: Final = ("flow_median", "flow_q95")
FINE: Final = ("spectrum_slope", "sharpness", "noise")
"""Statistics of fine detail."""
GRAIN: Final = 2
ROWS: Final = 6
COLUMNS: Final = 6
TILE: Final = (SIDE, SIDE * 5 // 4)
"""Rows and columns of a tile of the contact sheet."""

Table = dict[str, list[float]]


def table(clip: Clip) -> Table:
    """Return every statistic of a clip, picture by picture."""
    found: Table = {}
    for picture in clip.pictures:
        row = statistics_in_view(picture.rgb, picture.view)
        if clip.enlarged:
            row = {name: value for name, value in row.items() if name not in FINE}
        row |= dict(zip(MOTION, picture.motion or (), strict=False))
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


def side_of(tables: Iterable[Table], name: str) -> dict[str, Any] | None:
    """Return the medians of the clips and the span of their pictures, every clip weighing alike."""
    columns = [np.array(table[name]) for table in tables if name in table]
    if not columns:
        return None
    medians = np.array([np.median(column) for column in columns])
    low, high = (np.mean([np.quantile(c, q) for c in columns]) for q in (0.1, 0.9))
    values = {
        "median": np.median(medians),
        "least": medians.min(),
        "most": medians.max(),
        "q10": low,
        "q90": high,
    }
    return {"clips": len(columns)} | {k: round(float(v), 4) for k, v in values.items()}


def side_by_side(real: list[Table], simulated: list[Table]) -> dict[str, Any]:
    """Return every statistic of both sides, and where they part."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for table in (*real, *simulated) for name in table):
        row: dict[str, Any] = {
            "real": side_of(real, name),
            "simulated": side_of(simulated, name),
        }
        if row["real"] and row["simulated"]:
            a, b = row["real"], row["simulated"]
            row["within_real_clips"] = a["least"] <= b["median"] <= a["most"]
            one, two = (
                np.concatenate([np.array(t[name]) for t in tables if name in t])
                for tables in (real, simulated)
            )
            row["area_under_curve"] = round(area_under_curve(one, two), 3)
        found[name] = row
    return found


def printed(rows: dict[str, Any], others: dict[str, Table]) -> None:
    """Print the table: medians, the real clips' least and most, and what is only for scale."""
    print(f"{'statistic':20} {'real':>9} {'of its clips':>20} {'simulated':>10} {'AUC':>6}  inside")
    for name, row in rows.items():
        a, b = row["real"], row["simulated"]
        left = f"{a['median']:9.3f} {a['least']:9.3f}..{a['most']:9.3f}" if a else f"{'-':>30}"
        right = f"{b['median']:10.3f}" if b else f"{'-':>10}"
        judged = f"{row['area_under_curve']:6.2f}  {row['within_real_clips']}" if a and b else ""
        print(f"{name:20} {left} {right} {judged}")
    for label, found in others.items():
        medians = {name: round(float(np.median(values)), 3) for name, values in found.items()}
        print(f"for scale, {label}: {medians}")


def counts(group: Iterable[Clip]) -> dict[str, Any]:
    return {
        clip.name: {"kind": clip.kind, "pictures": len(clip.pictures), "out": len(clip.left_out)}
        for clip in group
    }


def controls(real: list[Clip], names: list[str]) -> dict[str, Any]:
    """Return how well real clips are told from real clips, for scale."""
    pairs = [(0, 1), (3, 4)]
    crops = {k: crops_of_clip(real[k], k) for pair in pairs for k in pair}
    halves = [halves_accuracy(crops[a], crops[b]) for a, b in pairs]
    return {
        "one_clip_against_another": {
            "what": "two real clips, trained on the first 2/5 of each, tested on the last 2/5",
            **result_of(halves),
        },
        "arbitrary_halves": {
            "what": "alternate real clips against the others: nothing to learn, near 0.5",
            **compare(real[::2], real[1::2], names),
        },
        "arbitrary_halves_one_with_grain": {
            "what": f"the same with grain of {GRAIN} codes on the second half: seen, if it works",
            **compare(real[::2], [grainy(clip, GRAIN) for clip in real[1::2]], names),
        },
        "two_real_sources": {
            "what": "the H.264 clips of Cholec80 against the JPEG stills of CholecT50",
            **compare(real[:3], real[3:], names),
        },
    }


def tiles_of(group: list[Clip], count: int, rng: np.random.Generator) -> Iterator[Any]:
    """Yield pictures of a side, cut to TILE around the middle of the view, clips in turn."""
    shown = [clip for clip in group if clip.pictures]
    for index in range(count):
        clip = shown[index % len(shown)]
        picture: Picture = clip.pictures[int(rng.integers(len(clip.pictures)))]
        width = TILE[1]
        left = int(np.clip(picture.view.cx - width / 2, 0, max(0, picture.rgb.shape[1] - width)))
        tile = np.zeros((*TILE, 3), np.uint8)
        part = picture.rgb[: TILE[0], left : left + width]
        tile[: part.shape[0], : part.shape[1]] = part
        yield tile


def write_look(path: Path, real: list[Clip], simulated: list[Clip], shuffled: bool) -> None:
    """Write rows of real pictures over rows of simulated ones, or all shuffled with a key."""
    if path.resolve().is_relative_to(ROOT):
        raise SystemExit(f"--look must lie outside {ROOT}: real frames never enter the project")
    rng = np.random.default_rng(0)
    count = ROWS * COLUMNS // 2
    tiles = [*tiles_of(real, count, rng), *tiles_of(simulated, count, rng)]
    kinds = ["real"] * count + ["simulated"] * count
    order = rng.permutation(len(tiles)) if shuffled else np.arange(len(tiles))
    lines = []
    for start in range(0, len(tiles), COLUMNS):
        lines.append(np.hstack([tiles[int(k)] for k in order[start : start + COLUMNS]]))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(lines)[..., ::-1])
    if shuffled:
        key = "\n".join(f"{place + 1} {kinds[int(k)]}" for place, k in enumerate(order))
        path.with_suffix(".key.txt").write_text(key + "\n")


@contextmanager
def simulated_in(arguments: argparse.Namespace) -> Iterator[tuple[Path | None, dict[str, Any]]]:
    """Yield the folder of simulated videos and how they were made."""
    if arguments.real:
        yield None, {}
    elif arguments.simulated:
        yield arguments.simulated, {"made": "before, by videoengine simulate"}
    else:
        with tempfile.TemporaryDirectory(prefix="realism-") as name:
            folder = Path(name)
            yield (
                folder,
                clips.simulate(arguments.procedure, arguments.seeds, arguments.windows, folder),
            )


def measured(arguments: argparse.Namespace, folder: Path | None) -> dict[str, Any]:
    """Return statistics, light against depth and the discriminator's accuracies."""
    data, modality = arguments.shared / "data", MODALITIES[arguments.procedure]
    if modality == "laparoscopy":
        real, others = clips.real_laparoscopy(data), clips.real_robotic(data)
    else:
        real, others = clips.real_colonoscopy(data), clips.rendered_colonoscopy(data)
    tried = [] if folder is None else clips.simulated(folder, modality)
    made = [clip for clip in tried if clip.pictures]
    if tried and not made:
        raise SystemExit("The engine takes every simulated picture for out of the body")
    tables = {clip.name: table(clip) for clip in (*real, *made, *others)}
    rows = side_by_side([tables[c.name] for c in real], [tables[c.name] for c in made])
    printed(rows, {clip.name: tables[clip.name] for clip in others})
    found: dict[str, Any] = {
        "clips": counts((*real, *tried, *others)),
        "statistics": rows,
        "for_scale": {
            c.name: {n: round(float(np.median(v)), 4) for n, v in tables[c.name].items()}
            for c in others
        },
        "slope_of_log_light_against_log_depth": depth_report(data, folder),
    }
    if arguments.look and made:
        write_look(arguments.look, [*real, *others], made, arguments.shuffled)
    if any(clip.enlarged for clip in real):
        found["discriminator"] = {"left_out": "no real video of colonoscopy, only small stills"}
        return found
    names = [name for name in rows if name not in MOTION]
    found["controls"] = controls(real, names)
    found["discriminator"] = compare(real, made, names)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--procedure", choices=MODALITIES, default="cholecystectomy")
    parser.add_argument("--simulated", type=Path, help="folder of <seed>/video.mp4")
    parser.add_argument("--seeds", type=int, default=6, help="seeds rendered without --simulated")
    parser.add_argument("--windows", type=int, default=5, help="seconds rendered of every seed")
    parser.add_argument("--real", action="store_true", help="print the real side alone")
    parser.add_argument("--look", type=Path, help="contact sheet to write outside the project")
    parser.add_argument("--shuffled", action="store_true", help="mix the sheet; a .key.txt tells")
    parser.add_argument("--shared", type=Path, default=SHARED)
    arguments = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    cv2.setNumThreads(1)
    with simulated_in(arguments) as (folder, how):
        found = measured(arguments, folder)
    document = {"how": how, **found, "seconds": round(time.monotonic() - began)}
    if arguments.real:
        print(json.dumps(document, indent=1))
    else:
        publish(f"realism_{arguments.procedure}", document)


if __name__ == "__main__":
    main()
