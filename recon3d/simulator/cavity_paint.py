"""How the abdomen looks: pigments of its organs, vessels, blood stains, and fine relief.

Colors are priors that were set beside real laparoscopy by its statistics
(tests/benchmarks/realism.py); no picture was taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.anatomy import Array, Paint
from videoengine.recon3d.simulator.painting import (
    BILLOW,
    RIDGED,
    albedo_of,
    fractal,
    packed,
    smoothed,
    stamp_vessels,
    vessel_tree,
)
from videoengine.recon3d.simulator.randomness import Key
from videoengine.vocabularies import vocabulary

TARGETS: Final = "cholect50/target@1"


@dataclass(frozen=True, slots=True)
class Organ:
    """An organ's base color, the haemoglobin before it, and how wet it is."""

    base: tuple[float, float, float]
    haemoglobin: float
    film: float


ORGANS: Final = {
    "abdominal_wall_cavity": Organ((0.30, 0.27, 0.26), 1.00, 0.70),
    "liver": Organ((0.20, 0.155, 0.115), 1.25, 0.80),
    "gallbladder": Organ((0.60, 0.52, 0.49), 0.46, 0.90),
    "cystic_pedicle": Organ((0.66, 0.48, 0.27), 0.32, 0.95),
    "cystic_duct": Organ((0.58, 0.47, 0.33), 0.36, 0.90),
    "cystic_artery": Organ((0.56, 0.44, 0.38), 0.72, 0.90),
    "omentum": Organ((0.92, 0.58, 0.22), 0.14, 0.95),
    "gut": Organ((0.60, 0.50, 0.43), 0.64, 0.90),
    "peritoneum": Organ((0.46, 0.40, 0.37), 0.82, 0.75),
}
PLATE: Final = Organ((0.36, 0.29, 0.22), 1.45, 0.95)
"""The liver's bed, laid bare."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is painted on: (N, N) texels over the chart."""

    p: Array
    q: Array
    """Chart coordinates, mm."""
    x: Array
    y: Array
    """The same, stretched where the chart is, so that patterns keep their size."""
    heights: Mapping[str, Array]
    bed: Array
    """1 where the gallbladder lay, 0 elsewhere."""
    texel_mm: float
    noise: int
    key: Key
    roots: tuple[tuple[tuple[float, float], float, float, float], ...]
    """Where vessels start: chart point, heading, radius and reach in mm."""


def paint_cavity(canvas: Canvas) -> Paint:
    """Return the textures before and after the gallbladder is gone."""
    x, y, n = canvas.x, canvas.y, canvas.noise
    common = _Common(
        wobble=0.8 * fractal(canvas.p / 5, canvas.q / 5, n + 20, octaves=3),
        mottle=1.0
        + 0.22 * fractal(x / 2.0, y / 2.0, n + 23, octaves=4, gain=0.6)
        + 0.14 * fractal(x / 9, y / 9, n + 24, octaves=2),
        flush=fractal(x / 16, y / 16, n + 22, octaves=5, gain=0.6),
        patches=fractal(x / 7, y / 7, n + 26, octaves=4, kind=BILLOW),
        lobules=fractal(x / 6.5, y / 6.5, n + 25, octaves=2, kind=BILLOW),
        stains=fractal(x / 11, y / 11, n + 27, octaves=4),
        vessels=_vessels(canvas),
    )
    rest, region = _painted(canvas, common, bare=False)
    bare, region_bare = _painted(canvas, common, bare=True)
    return Paint(rest, bare, _relief(canvas, region), region, region_bare, canvas.texel_mm)


@dataclass(frozen=True, slots=True)
class _Common:
    """Patterns that both states of the tissue share."""

    wobble: Array
    mottle: Array
    flush: Array
    patches: Array
    lobules: Array
    stains: Array
    vessels: Array


def _shares(canvas: Canvas, wobble: Array, *, bare: bool) -> dict[str, Array]:
    """Return by how much each organ is what is seen, adding up to 1."""
    chosen = [name for name in canvas.heights if not (bare and name == "gallbladder")]
    top = np.maximum.reduce([canvas.heights[name] for name in chosen])
    shares: dict[str, Array] = {}
    total = np.zeros(top.shape)
    for name in chosen:
        share = np.exp(np.clip((canvas.heights[name] + wobble - top) / 0.55, -12, 4))
        shares[name] = share
        total += share
    return {name: share / total for name, share in shares.items()}


def _painted(
    canvas: Canvas, common: _Common, *, bare: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    shares = _shares(canvas, common.wobble, bare=bare)
    base = np.zeros((*canvas.p.shape, 3))
    haem, film = np.zeros(canvas.p.shape), np.zeros(canvas.p.shape)
    tints = canvas.key.sub("tint").fractions(4 * len(ORGANS)).reshape(-1, 4)
    for (name, organ), d in zip(ORGANS.items(), tints, strict=True):
        if name not in shares:
            continue
        # a seed shifts an organ's brightness and, less, its hue: fat is pale or orange
        color = np.asarray(organ.base) * (0.85 + 0.3 * d[0])
        color = color * np.asarray([1.0, 1.0 + 0.22 * (d[1] - 0.5), 1.0 + 0.5 * (d[2] - 0.5)])
        base += shares[name][..., None] * color
        haem += shares[name] * organ.haemoglobin * (0.75 + 0.5 * d[3])
        film += shares[name] * organ.film
    region = _regions(shares)
    if bare:
        raw = 1.9 - 1.4 * fractal(
            canvas.x / 3, canvas.y / 3, canvas.noise + 21, octaves=4, kind=RIDGED
        )
        bed = canvas.bed
        base = base * (1 - bed[..., None]) + bed[..., None] * np.asarray(PLATE.base)
        haem = haem * (1 - bed) + bed * PLATE.haemoglobin * raw
        film = film * (1 - bed) + bed * PLATE.film
        region = np.where(bed > 0.5, vocabulary(TARGETS).label("cystic_plate").id + 1, region)
    fat = shares["omentum"] + 0.6 * shares["cystic_pedicle"]
    worked = (
        shares["cystic_pedicle"]
        + 0.5 * shares.get("gallbladder", 0.0)
        + (canvas.bed if bare else 0.0)
    )
    calm = shares["liver"] + 0.7 * shares["omentum"]
    haem = haem * (1.0 + 0.55 * common.flush * (1.0 - 0.6 * calm))
    haem += (1.0 - 0.92 * shares["liver"] - 0.55 * shares["omentum"]) * common.vessels
    haem += 0.35 * fat * smoothed(0.10, 0.0, common.lobules)
    haem += 2.6 * worked * smoothed(0.14, 0.40, common.stains)
    base = base * (1.0 + (common.mottle - 1.0) * (1.0 - 0.6 * calm))[..., None]
    film = np.clip(film * (0.35 + 2.2 * common.patches), 0, 1)
    return packed(albedo_of(base, np.maximum(haem, 0.02)), film), region.astype(np.uint8)


def _regions(shares: Mapping[str, Array]) -> NDArray[np.uint8]:
    """Return id + 1 of the organ that is seen most."""
    targets = vocabulary(TARGETS)
    ids = np.asarray([targets.label(name).id + 1 for name in shares], np.uint8)
    chosen: NDArray[np.uint8] = ids[np.argmax(np.stack(list(shares.values())), axis=0)]
    return chosen


def _vessels(canvas: Canvas) -> Array:
    """Return haemoglobin of drawn vessels and of the capillary net."""
    half = 0.5 * canvas.texel_mm * canvas.p.shape[0]
    field = np.zeros(canvas.p.shape)
    for i, (start, heading, radius, reach) in enumerate(canvas.roots):
        key = canvas.key.sub("tree", i)
        tree = vessel_tree(key, start, heading, radius_mm=radius, reach_mm=reach)
        if len(tree):
            tree[:, 0], tree[:, 1] = tree[:, 0] + half, half - tree[:, 1]
            stamp_vessels(field, tree, texel_mm=(canvas.texel_mm, canvas.texel_mm), wraps=False)
    net = fractal(canvas.x / 6, canvas.y / 6, canvas.noise + 30, octaves=4, kind=RIDGED) ** 9
    # vessels are drawn on the chart, which its rim distorts
    inner = smoothed(1.0, 0.75, np.maximum(np.abs(canvas.p), np.abs(canvas.q)) / half)
    return 0.7 * field * inner + 0.65 * net


def _relief(canvas: Canvas, region: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return fine height in mm, for normals: capsule, fat and worked tissue differ."""
    x, y, n = canvas.x, canvas.y, canvas.noise
    targets = vocabulary(TARGETS)
    calm = np.isin(
        region, [targets.label(t).id + 1 for t in ("liver", "gallbladder", "gut", "omentum")]
    )
    grain = 0.030 * fractal(x / 0.9, y / 0.9, n + 40, octaves=3)
    coarse = 0.13 * fractal(x / 3.2, y / 3.2, n + 41, octaves=3)
    strands = 0.09 * fractal(x / 2.4, y / 5.0, n + 42, octaves=3, kind=RIDGED)
    raw = 0.5 * canvas.bed * strands
    return np.where(calm, 0.4 * grain + 0.22 * coarse + raw, grain + coarse + strands).astype(
        np.float32
    )
