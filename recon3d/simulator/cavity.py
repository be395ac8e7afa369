"""The abdomen as a scope sees it at a cholecystectomy: liver, gallbladder, ducts, fat and gut.

One height field over a chart of 124 × 124 mm whose rim is drawn out into walls, so that no ray escapes.
Chart coordinates (p, q) in mm: p to the right, q cranial. Sizes and colors are priors, not fits;
anatomy after any atlas: the gallbladder under the liver's edge, its neck toward the duct, the
artery beside it, omentum and gut below.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import Array, Grid, Paint
from videoengine.recon3d.simulator.painting import (
    BILLOW,
    RIDGED,
    albedo_of,
    fractal,
    packed,
    smooth_maximum,
    smoothed,
    stamp_vessels,
    vessel_tree,
)
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan, Site
from videoengine.recon3d.simulator.randomness import Key
from videoengine.vocabularies import vocabulary

HALF_MM: Final = 62.0
"""Half the chart."""
POINTS: Final = 257
TEXELS: Final = 1024
NEVER: Final = 1e9
REMOVING_PHASE: Final = "GallbladderDissection"


@dataclass(frozen=True, slots=True)
class _Organ:
    """An organ's name in the vocabulary of targets and its look."""

    target: str
    base: tuple[float, float, float]
    haemoglobin: float
    film: float


ORGANS: Final = (
    _Organ("abdominal_wall_cavity", (0.52, 0.40, 0.34), 0.62, 0.45),
    _Organ("liver", (0.34, 0.30, 0.28), 1.45, 0.62),
    _Organ("cystic_plate", (0.50, 0.42, 0.36), 1.05, 0.85),
    _Organ("gallbladder", (0.56, 0.50, 0.42), 0.36, 0.75),
    _Organ("cystic_pedicle", (0.66, 0.52, 0.34), 0.40, 0.85),
    _Organ("cystic_duct", (0.62, 0.55, 0.42), 0.34, 0.8),
    _Organ("cystic_artery", (0.60, 0.46, 0.40), 0.66, 0.8),
    _Organ("omentum", (0.80, 0.62, 0.22), 0.16, 0.75),
    _Organ("gut", (0.62, 0.50, 0.42), 0.46, 0.8),
    _Organ("peritoneum", (0.62, 0.52, 0.46), 0.44, 0.6),
)
_INDEX: Final = {organ.target: index for index, organ in enumerate(ORGANS)}


class Cavity:
    """One patient's abdomen; the shape depends on the plan's seed alone."""

    name = "cavity"

    def __init__(self, plan: Plan) -> None:
        """Draw the patient."""
        self._plan = plan
        self._key = Key(plan.seed).sub("cavity")
        draw = self._key.sub("shape").fractions(32)
        self._noise = int(self._key.sub("noise").word(0) & 0x7FFFFFFF)
        self._liver = (
            -24 + 5 * (draw[0] - 0.5),
            26 + 6 * (draw[1] - 0.5),
            46 + 6 * draw[2],
            33 + 5 * draw[3],
        )
        self._fundus = (-2 + 8 * (draw[4] - 0.5), 27 + 6 * (draw[5] - 0.5))
        self._neck = (6 + 4 * (draw[6] - 0.5), 1 + 4 * (draw[7] - 0.5))
        self._bulge = 11.0 + 3.5 * draw[8]
        self._duct_end = (13 + 5 * (draw[9] - 0.5), -17 + 4 * (draw[10] - 0.5))
        self._artery_end = (-6 + 5 * (draw[11] - 0.5), -12 + 4 * (draw[12] - 0.5))
        self._colors = draw[13:26]
        self._breath = (3.0 + 3.5 * draw[26], 0.2 + 0.08 * draw[27], draw[28])
        self._beat = (0.25 + 0.5 * draw[29], 1.0 + 0.45 * draw[30], draw[31])
        places = self._key.sub("ports").fractions(16)
        jitter = 8.0 * (places.reshape(-1, 2)[:4] - 0.5)
        ports = np.asarray(
            [[95, 70, 150], [-120, -20, 130], [120, -45, 135], [-70, -110, 140]], np.float64
        )
        ports[:, :2] += jitter
        self.ports: Array = ports
        self.scope_port: Array = np.asarray([6 + 10 * (places[8] - 0.5), -105.0, 150.0])
        self._spans = [s for s in plan.phases if s.label.name == REMOVING_PHASE]

    # --- shape, exact on every machine ------------------------------------------------------------

    def _segment(
        self, p: Array, q: Array, a: tuple[float, float], b: tuple[float, float]
    ) -> tuple[Array, Array]:
        """Return the distance of chart points to a segment, and the fraction along it."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        t = np.clip(((p - a[0]) * dx + (q - a[1]) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        x, y = p - (a[0] + t * dx), q - (a[1] + t * dy)
        return np.sqrt(x * x + y * y), t

    def _tube(self, d: Array, radius: Any, lift: Any) -> Array:
        """Return the height of a tube whose axis is `lift` above its bed; −50 outside."""
        inside = radius * radius - d * d
        return np.where(inside > 0, lift + np.sqrt(np.maximum(inside, 0.0)), -50.0)

    def _heights(self, p: Array, q: Array) -> dict[str, Array]:
        """Return the height of every organ at chart points."""
        n = self._noise
        rim = np.sqrt(p * p + q * q) / HALF_MM
        ground = -9.0 + 4.0 * fractal(p / 38, q / 38, n + 1, octaves=3)
        wall = (
            ground
            + 34.0 * smoothed(0.62, 1.25, rim)
            + 2.0 * fractal(p / 22, q / 22, n + 2, octaves=3)
        )
        cx, cy, rx, ry = self._liver
        e = ((p - cx) / rx) ** 2 + ((q - cy) / ry) ** 2
        liver = np.where(e < 1, -9 + 24.0 * np.sqrt(np.sqrt(np.maximum(1 - e, 0.0))), -50.0)
        liver = liver + 1.6 * fractal(p / 30, q / 30, n + 3, octaves=3)
        d, t = self._segment(p, q, self._fundus, self._neck)
        radius = self._bulge * (1.0 - 0.62 * t * t)
        bladder = self._tube(d, radius, 6.0 - 5.0 * t) + 0.7 * fractal(
            p / 9, q / 9, n + 4, octaves=3
        )
        dd, dt = self._segment(p, q, self._neck, self._duct_end)
        bend = 2.0 * fractal(dt * 1.5, np.full_like(dt, 0.3), n + 5, octaves=2)
        duct = self._tube(np.abs(dd + bend * 0.4), 2.3 - 0.3 * dt, 1.2 - 5.0 * dt)
        ad, at = self._segment(p, q, (self._neck[0] - 4, self._neck[1] + 2), self._artery_end)
        artery = self._tube(np.abs(ad + 0.5 * bend), 1.5 - 0.2 * at, 0.8 - 5.0 * at)
        web = np.minimum(dd, ad)
        pedicle = (
            0.8
            - 0.42 * web
            - 4.0 * np.minimum(dt, at)
            + 2.2 * fractal(p / 7, q / 7, n + 6, octaves=4, kind=BILLOW)
        )
        pedicle = np.where(web < 16, pedicle, -50.0)
        lumps = fractal(p / 15, q / 15, n + 7, octaves=4, gain=0.45, kind=BILLOW)
        low = smoothed(2.0, 26.0, p * 0.75 - q - 8)
        omentum = -16 + 20.0 * low + 11.0 * np.sqrt(lumps) * low
        gd, gt = self._segment(p, q, (-50.0, -40.0), (18.0, -47.0))
        gut = self._tube(
            gd, 15.0 + 1.2 * fractal(gt * 6, np.zeros_like(gt), n + 8, octaves=2), -8.0
        )
        veil = np.where(
            (p > 16) & (q > 6), ground + 5.0 + 16 * smoothed(10, 60, p + 0.3 * q), -50.0
        )
        veil = veil + 1.6 * fractal(p / 16, q / 16, n + 9, octaves=3, kind=RIDGED)
        return {
            "abdominal_wall_cavity": wall,
            "liver": liver,
            "gallbladder": bladder,
            "cystic_pedicle": pedicle,
            "cystic_duct": duct,
            "cystic_artery": artery,
            "omentum": omentum,
            "gut": gut,
            "peritoneum": veil,
        }

    def _surface(self, p: Array, q: Array, *, bare: bool) -> Array:
        """Return the height of the surface at chart points, before and after removal."""
        heights = self._heights(p, q)
        if bare:
            heights["gallbladder"] = np.full_like(p, -50.0)
        z = heights["abdominal_wall_cavity"]
        widths = {
            "omentum": 5.0,
            "peritoneum": 6.0,
            "gut": 3.0,
            "liver": 4.0,
            "cystic_pedicle": 3.0,
        }
        for name, width in widths.items():
            z = smooth_maximum(z, heights[name], width)
        if bare:  # the liver's bed, where the gallbladder lay
            d, t = self._segment(p, q, self._fundus, self._neck)
            radius = self._bulge * (1.0 - 0.62 * t * t)
            hollow = np.clip(1.0 - d / radius, 0.0, 1.0)
            z = (
                z
                - 3.5 * hollow
                + 0.9 * hollow * fractal(p / 5, q / 5, self._noise + 11, octaves=4, kind=RIDGED)
            )
        for name, width in (("gallbladder", 2.5), ("cystic_duct", 1.2), ("cystic_artery", 0.9)):
            z = smooth_maximum(z, heights[name], width)
        fine = 0.35 * fractal(p / 4.0, q / 4.0, self._noise + 10, octaves=3)
        return z + fine

    def _world(self, u: Any, v: Any, *, bare: bool) -> Array:
        p, q = (
            (2 * np.asarray(u, np.float64) - 1) * HALF_MM,
            (1 - 2 * np.asarray(v, np.float64)) * HALF_MM,
        )
        p, q = np.broadcast_arrays(p, q)
        z = self._surface(p, q, bare=bare)
        # the rim is drawn outward and up to the scope: walls that enclose the camera
        s, t = np.abs(p) / HALF_MM, np.abs(q) / HALF_MM
        far = np.maximum(s, t)
        f2 = far * far
        f8 = f2 * f2 * f2 * f2
        grow = 1.0 + 0.95 * f8
        rise = 40.0 * smoothed(0.55, 0.92, far) + 150.0 * f8 * f8
        return np.stack([p * grow, q * grow, z + rise], axis=-1)

    def _share(self, p: Array, q: Array) -> tuple[Array, Array]:
        """Return how strongly breath and heartbeat move chart points."""
        still = 1.0 - smoothed(0.6, 1.0, np.maximum(np.abs(p), np.abs(q)) / HALF_MM)
        breath = still * (0.55 + 0.45 * smoothed(-20, 40, q))
        dx, dy = p - self._artery_end[0], q - self._artery_end[1]
        return breath, still / (1.0 + (dx * dx + dy * dy) / 180.0)

    def _waves(self, time_s: Any) -> tuple[Any, Any]:
        """Return the amplitudes of breath (mm) and heartbeat (mm) at a time."""
        depth, rate, phase = self._breath
        x = np.asarray(time_s, np.float64) * rate + phase
        x = x - np.floor(x)
        # in for a third of the cycle, out for another, then rest
        breath = depth * (smoothed(0.0, 0.36, x) - smoothed(0.4, 0.82, x))
        size, pulse, shift = self._beat
        y = np.asarray(time_s, np.float64) * pulse + shift
        y = y - np.floor(y)
        return breath, size * (smoothed(0.0, 0.12, y) - smoothed(0.16, 0.6, y))

    def point(self, u: Any, v: Any, time_s: Any) -> Array:
        """Return world points (…, 3) at a time; see `Anatomy`."""
        u, v, time = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (u, v, time_s)))
        p, q = (2 * u - 1) * HALF_MM, (1 - 2 * v) * HALF_MM
        gone = smoothed(-0.03, 0.03, self.progress(time) - self._front(p, q))
        x = self._world(u, v, bare=False)
        if np.any(gone > 0):
            x = x + (self._world(u, v, bare=True) - x) * gone[..., None]
        breath, beat = self._waves(time)
        b, h = self._share(p, q)
        return x + np.stack([0.0 * b, -0.55 * b * breath, 0.6 * b * breath + h * beat], axis=-1)

    def normal(self, u: Any, v: Any) -> Array:
        """Return unit normals (…, 3) at rest; see `Anatomy`."""
        step = 0.004
        u, v = np.asarray(u, np.float64), np.asarray(v, np.float64)
        across = self._world(u + step, v, bare=False) - self._world(u - step, v, bare=False)
        along = self._world(u, v - step, bare=False) - self._world(u, v + step, bare=False)
        x = across[..., 1] * along[..., 2] - across[..., 2] * along[..., 1]
        y = across[..., 2] * along[..., 0] - across[..., 0] * along[..., 2]
        z = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
        size = pm.sqrt(x * x + y * y + z * z)
        return np.stack([x / size, y / size, z / size], axis=-1)

    def locate(self, site: Site) -> tuple[float, float]:
        """Return the (u, v) of a place within a target region."""
        a, b = site.a, site.b - 0.5
        lines: dict[str, tuple[tuple[float, float], tuple[float, float], float]] = {
            "gallbladder": (self._fundus, self._neck, 7.0),
            "cystic_plate": (self._fundus, self._neck, 12.0),
            "cystic_duct": (self._neck, self._duct_end, 1.5),
            "cystic_artery": ((self._neck[0] - 4, self._neck[1] + 2), self._artery_end, 1.0),
            "cystic_pedicle": (
                self._neck,
                ((self._duct_end[0] + self._artery_end[0]) / 2, -10.0),
                9.0,
            ),
            "blood_vessel": (self._artery_end, self._duct_end, 6.0),
            "liver": (
                (self._liver[0] - 12, self._liver[1] - 8),
                (self._liver[0] + 14, self._liver[1] - 20),
                14.0,
            ),
            "omentum": ((14.0, -26.0), (40.0, -12.0), 16.0),
            "adhesion": ((12.0, -6.0), (26.0, 4.0), 8.0),
            "peritoneum": ((18.0, 12.0), (34.0, 26.0), 10.0),
            "gut": ((-26.0, -36.0), (10.0, -38.0), 8.0),
            "abdominal_wall_cavity": ((-40.0, -16.0), (-20.0, -30.0), 12.0),
            "fluid": ((-22.0, -12.0), (-8.0, -22.0), 8.0),
            "specimen_bag": ((6.0, -6.0), (22.0, -14.0), 8.0),
            "null_target": ((-14.0, -14.0), (20.0, 6.0), 18.0),
        }
        start, end, width = lines[site.target if site.target in lines else "null_target"]
        dx, dy = end[0] - start[0], end[1] - start[1]
        size = float(np.sqrt(dx * dx + dy * dy))
        p = start[0] + a * dx - b * width * dy / size
        q = start[1] + a * dy + b * width * dx / size
        return (p / HALF_MM + 1) / 2, (1 - q / HALF_MM) / 2

    # --- removal ----------------------------------------------------------------------------------

    def _front(self, p: Array, q: Array) -> Array:
        """Return the progress at which a chart point is laid bare: from the neck to the fundus."""
        d, t = self._segment(p, q, self._fundus, self._neck)
        ragged = 0.06 * fractal(p / 6, q / 6, self._noise + 12, octaves=3)
        return np.where(
            d < 1.35 * self._bulge * (1.0 - 0.5 * t * t) + 2.0,
            0.06 + 0.88 * (1.0 - t) + ragged,
            NEVER,
        )

    def progress(self, time_s: Any) -> Any:
        """Return the share of the gallbladder that has been dissected off at a time."""
        total = sum(s.end - s.start for s in self._spans)
        tick = np.asarray(time_s, np.float64) * TICKS_PER_SECOND
        done = sum(np.clip(tick - s.start, 0, s.end - s.start) for s in self._spans)
        return done / total * 1.02 if total else np.zeros_like(tick)

    # --- what the renderer takes ------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Rows of the grid."""
        return POINTS

    def amplitudes(self, time_s: float) -> Array:
        """Return the amplitudes (rows, 2) of breath and heartbeat."""
        return np.broadcast_to(np.asarray(self._waves(time_s), np.float64), (POINTS, 2))

    @cached_property
    def _chart(self) -> tuple[Array, Array]:
        side = np.linspace(0, 1, POINTS)
        u, v = np.meshgrid(side, side)
        return u, v

    def grid(self) -> Grid:
        """Return the surface at rest."""
        u, v = self._chart
        p, q = (2 * u - 1) * HALF_MM, (1 - 2 * v) * HALF_MM
        breath, beat = self._share(p, q)
        zero = np.zeros_like(breath)
        modes = np.stack(
            [np.stack([zero, -0.55 * breath, 0.6 * breath], -1), np.stack([zero, zero, beat], -1)]
        )
        return Grid(
            rest=self._world(u, v, bare=False).astype(np.float32),
            bare=self._world(u, v, bare=True).astype(np.float32),
            front=self._front(p, q).astype(np.float32),
            modes=modes.astype(np.float32),
            wraps=False,
            orientation=-1.0,
        )

    def paint(self) -> Paint:
        """Return the textures."""
        side = np.linspace(0, 1, TEXELS)
        u, v = np.meshgrid(side, side)
        p, q = (2 * u - 1) * HALF_MM, (1 - 2 * v) * HALF_MM
        heights = self._heights(p, q)
        rest, region = self._painted(p, q, heights, bare=False)
        bare, region_bare = self._painted(p, q, heights, bare=True)
        return Paint(
            rest=rest,
            bare=bare,
            relief=self._relief(p, q, region).astype(np.float32),
            region=region,
            region_bare=region_bare,
            texel_mm=2 * HALF_MM / TEXELS,
        )

    def _painted(
        self, p: Array, q: Array, heights: dict[str, Array], *, bare: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        n = self._noise
        names = [o.target for o in ORGANS if o.target in heights]
        stack = np.stack([heights[name] for name in names])
        if bare:
            stack[names.index("gallbladder")] = -60.0
        wobble = 0.8 * fractal(p / 5, q / 5, n + 20, octaves=4)
        soft = np.exp(np.clip((stack + wobble - stack.max(axis=0)) / 0.5, -30, 0))
        soft /= soft.sum(axis=0)
        winner = stack.argmax(axis=0)
        base = np.zeros((*p.shape, 3))
        haem, film = np.zeros(p.shape), np.zeros(p.shape)
        tint = 1.0 + 0.24 * (self._colors - 0.5)
        for i, name in enumerate(names):
            organ = ORGANS[_INDEX[name]]
            base += soft[i][..., None] * np.asarray(organ.base) * tint[i]
            haem += soft[i] * organ.haemoglobin
            film += soft[i] * organ.film
        region_ids = np.asarray(
            [vocabulary("cholect50/target@1").label(name).id + 1 for name in names], np.uint8
        )
        region = region_ids[winner]
        if bare:
            d, t = self._segment(p, q, self._fundus, self._neck)
            bed = smoothed(1.3, 0.9, d / (self._bulge * (1.0 - 0.62 * t * t)) + 0.15 * wobble)
            plate = ORGANS[_INDEX["cystic_plate"]]
            raw = 0.75 + 0.5 * fractal(p / 3, q / 3, n + 21, octaves=4, kind=RIDGED)
            base = base * (1 - bed[..., None]) + bed[..., None] * np.asarray(plate.base)
            haem = haem * (1 - bed) + bed * plate.haemoglobin * raw
            film = film * (1 - bed) + bed * plate.film
            region = np.where(
                bed > 0.5, vocabulary("cholect50/target@1").label("cystic_plate").id + 1, region
            )
        haem = haem * (1.0 + 0.35 * fractal(p / 18, q / 18, n + 22, octaves=5)) + self._vessels(
            soft, names, bare=bare
        )
        mottle = (
            1.0
            + 0.16 * fractal(p / 2.2, q / 2.2, n + 23, octaves=4)
            + 0.12 * fractal(p / 9, q / 9, n + 24, octaves=3)
        )
        if "omentum" in names:  # fat lobules: paler crests, thin red septa
            fat = soft[names.index("omentum")] + 0.5 * soft[names.index("cystic_pedicle")]
            lobules = fractal(p / 5.5, q / 5.5, n + 25, octaves=3, kind=BILLOW)
            haem += fat * 0.55 * smoothed(0.12, 0.0, lobules)
        film = np.clip(
            film * (0.55 + 0.9 * fractal(p / 7, q / 7, n + 26, octaves=4, kind=BILLOW) * 1.6), 0, 1
        )
        return packed(
            albedo_of(base * mottle[..., None], np.maximum(haem, 0.02)), film
        ), region.astype(np.uint8)

    def _vessels(self, soft: Array, names: list[str], *, bare: bool) -> Array:
        """Return haemoglobin of drawn vessels and of the capillary net."""
        texel = 2 * HALF_MM / TEXELS
        field = np.zeros(soft.shape[1:])
        key = self._key.sub("vessels")
        roots = [
            (self._neck, 1.9, 0.75, 46.0),
            (self._fundus, -1.4, 0.5, 30.0),
            ((-45.0, -36.0), 0.1, 0.9, 70.0),
        ]
        roots += [((-38.0 + 22 * i, -52.0), 1.4, 0.6, 26.0) for i in range(4)]
        roots += [
            ((50.0, 20.0), 3.0, 0.6, 40.0),
            ((40.0, -40.0), 2.2, 0.6, 40.0),
            ((20.0, 50.0), 5.0, 0.7, 40.0),
        ]
        if not bare:
            roots += [
                ((self._neck[0] + 3, self._neck[1]), 1.7, 0.6, 34.0),
                (self._neck, 2.2, 0.5, 30.0),
            ]
        for i, (start, heading, radius, reach) in enumerate(roots):
            tree = vessel_tree(key.sub("tree", i), start, heading, radius_mm=radius, reach_mm=reach)
            if len(tree):
                tree[:, 0] = tree[:, 0] + HALF_MM
                tree[:, 1] = HALF_MM - tree[:, 1]
                stamp_vessels(field, tree, texel_mm=(texel, texel), wraps=False)
        side = np.arange(TEXELS) * texel
        x, y = np.meshgrid(side, side)
        net = fractal(x / 6, y / 6, self._noise + 30, octaves=4, kind=RIDGED) ** 9
        shown = np.ones(field.shape)
        for name, share in (("liver", 0.08), ("omentum", 0.55), ("abdominal_wall_cavity", 0.8)):
            shown -= soft[names.index(name)] * (1 - share)
        return shown * (0.95 * field + 0.5 * net)

    def _relief(self, p: Array, q: Array, region: NDArray[np.uint8]) -> Array:
        """Return fine height in mm, for normals: capsule, fat and raw tissue differ."""
        n = self._noise
        targets = vocabulary("cholect50/target@1")
        smooth = np.isin(region, [targets.label(t).id + 1 for t in ("liver", "gallbladder", "gut")])
        grain = 0.030 * fractal(p / 0.9, q / 0.9, n + 40, octaves=3)
        coarse = 0.10 * fractal(p / 3.2, q / 3.2, n + 41, octaves=3) + 0.05 * fractal(
            p / 1.6, q / 1.6, n + 42, octaves=2, kind=RIDGED
        )
        return np.where(smooth, 0.45 * grain + 0.25 * coarse, grain + coarse)
