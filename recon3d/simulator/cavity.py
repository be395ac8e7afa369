"""The abdomen as a scope sees it at a cholecystectomy: liver, gallbladder, ducts, fat and gut.

One height field over a chart of 124 × 124 mm whose rim is drawn out into walls, so that no ray
escapes.
Chart coordinates (p, q) in mm: p to the right, q cranial. Sizes and colors are priors, not fits;
anatomy after any atlas: the gallbladder under the liver's edge, its neck toward the duct, the
artery beside it, omentum and gut below.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import RARE, USUAL, Array, Grid, Paint
from videoengine.recon3d.simulator.cavity_paint import Canvas, paint_cavity
from videoengine.recon3d.simulator.painting import (
    BILLOW,
    RIDGED,
    fractal,
    smooth_maximum,
    smoothed,
)
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan, Site
from videoengine.recon3d.simulator.randomness import Key

HALF_MM: Final = 62.0
"""Half the chart."""
POINTS: Final = 257
TEXELS: Final = 1024
NEVER: Final = 1e9
REMOVING_PHASE: Final = "GallbladderDissection"


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
        self._bulge = 11.5 + 4.0 * draw[8]
        self.build = "distended" if draw[8] > RARE else USUAL
        self._duct_end = (13 + 5 * (draw[9] - 0.5), -17 + 4 * (draw[10] - 0.5))
        self._artery_end = (-6 + 5 * (draw[11] - 0.5), -12 + 4 * (draw[12] - 0.5))
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
        liver = np.where(e < 1, -9 + 24.0 * np.sqrt(np.maximum(1 - e * e * e, 0.0)), -50.0)
        liver = liver + 1.6 * fractal(p / 30, q / 30, n + 3, octaves=3)
        d, t = self._segment(p, q, self._fundus, self._neck)
        radius = self._bulge * (1.0 - 0.62 * t * t)
        bladder = self._tube(d, radius, 12.0 - 11.0 * t) + 0.7 * fractal(
            p / 9, q / 9, n + 4, octaves=3
        )
        dd, dt = self._segment(p, q, self._neck, self._duct_end)
        bend = 2.0 * fractal(dt * 1.5, np.full_like(dt, 0.3), n + 5, octaves=2)
        duct = self._tube(np.abs(dd + bend * 0.4), 2.2 - 0.3 * dt, 0.6 - 5.0 * dt)
        ad, at = self._segment(p, q, (self._neck[0] - 4, self._neck[1] + 2), self._artery_end)
        artery = self._tube(np.abs(ad + 0.5 * bend), 1.3 - 0.2 * at, 0.5 - 5.0 * at)
        web = np.minimum(dd, ad)
        pedicle = (
            1.6
            - 0.30 * web
            - 4.0 * np.minimum(dt, at)
            + 2.2 * fractal(p / 7, q / 7, n + 6, octaves=4, kind=BILLOW)
        )
        lumps = fractal(p / 15, q / 15, n + 7, octaves=2, gain=0.25, kind=BILLOW)
        low = smoothed(2.0, 26.0, p * 0.75 - q - 8)
        omentum = -16 + 19.0 * low + 15.0 * (1.5 - lumps) * lumps * low
        gd, gt = self._segment(p, q, (-50.0, -40.0), (18.0, -47.0))
        gut = self._tube(
            gd, 15.0 + 1.2 * fractal(gt * 6, np.zeros_like(gt), n + 8, octaves=2), -8.0
        )
        ramp = smoothed(8.0, 30.0, p) * smoothed(-2.0, 16.0, q)
        veil = ground - 7.0 + (12.0 + 16 * smoothed(10, 60, p + 0.3 * q)) * ramp
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
        far = _rim(p, q)
        f2 = far * far
        f8 = f2 * f2 * f2 * f2
        grow = 1.0 + 0.95 * f8
        rise = 40.0 * smoothed(0.55, 0.92, far) + 150.0 * f8 * f8
        return np.stack([p * grow, q * grow, z + rise], axis=-1)

    def _share(self, p: Array, q: Array) -> tuple[Array, Array]:
        """Return how strongly breath and heartbeat move chart points."""
        still = 1.0 - smoothed(0.6, 1.0, _rim(p, q))
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
        moved: Array = x + np.stack(
            [0.0 * b, -0.55 * b * breath, 0.6 * b * breath + h * beat], axis=-1
        )
        return moved

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
        x, y = self._unrolled(p, q)
        d, t = self._segment(p, q, self._fundus, self._neck)
        ragged = 0.12 * fractal(p / 5, q / 5, self._noise + 20, octaves=3)
        return paint_cavity(
            Canvas(
                p=p,
                q=q,
                x=x,
                y=y,
                heights=self._heights(p, q),
                bed=smoothed(1.3, 0.9, d / (self._bulge * (1.0 - 0.62 * t * t)) + ragged),
                texel_mm=2 * HALF_MM / TEXELS,
                noise=self._noise,
                key=self._key.sub("paint"),
                roots=self._vessel_roots(),
            )
        )

    def _vessel_roots(self) -> tuple[tuple[tuple[float, float], float, float, float], ...]:
        """Return where vessels start on the chart: the artery's branches first."""
        x, y = self._neck
        near = [((x, y), 1.9, 0.55, 46.0), (self._fundus, -1.4, 0.4, 30.0)]
        near += [((x + 3, y), 1.7, 0.42, 34.0), ((x, y), 2.2, 0.4, 30.0)]
        far = [((-45.0, -36.0), 0.1, 0.9, 60.0), ((45.0, 20.0), 3.0, 0.6, 40.0)]
        far += [((-34.0 + 20 * i, -46.0), 1.4, 0.5, 22.0) for i in range(4)]
        far += [((40.0, -36.0), 2.2, 0.5, 34.0), ((24.0, 44.0), 5.0, 0.6, 34.0)]
        return tuple(near + far)

    def _unrolled(self, p: Array, q: Array) -> tuple[Array, Array]:
        """Return chart points stretched as the rim is, so that patterns keep their size there."""
        far = _rim(p, q)
        f8 = far**8
        rise = 40.0 * smoothed(0.55, 0.92, far) + 150.0 * f8 * f8
        stretch = 1.0 + 0.95 * f8 + rise / (HALF_MM * np.maximum(far, 0.1))
        return p * stretch, q * stretch


def _rim(p: Array, q: Array) -> Array:
    """Return 0 in the middle of the chart and 1 at its rim: the 8-norm, which has no crease."""
    a, b = p / HALF_MM, q / HALF_MM
    a, b = a * a, b * b
    a, b = a * a, b * b
    return np.sqrt(np.sqrt(np.sqrt(a * a + b * b)))
