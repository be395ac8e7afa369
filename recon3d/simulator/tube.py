"""The colon as a colonoscope sees it: a meter of bent, folded tube with polyps.

Material coordinates: v runs along the centerline over TUBE_MM, u around it. Radii, folds and
waves are priors within the ranges of colon phantoms (C3VD: Gaussian peristaltic waves of about
0.6 mm that travel at 20 mm/s), not fits.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import RARE, USUAL, Array, Grid, Paint
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
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan, Polyp, Site
from videoengine.recon3d.simulator.portable_math import TAU
from videoengine.recon3d.simulator.randomness import Key
from videoengine.vocabularies import vocabulary

TUBE_MM: Final = 1000.0
ROWS: Final = 1251
COLUMNS: Final = 192
TEXEL_ROWS: Final = 3000
TEXEL_COLUMNS: Final = 512
KNOT_MM: Final = 2.5
"""Distance of the points that carry the centerline."""
NEVER: Final = 1e9
TARGETS: Final = "videoengine/colonoscopy-target@1"


class Tube:
    """One patient's colon; the shape depends on the plan's seed and polyps alone."""

    name = "tube"

    def __init__(self, plan: Plan) -> None:
        """Draw the patient."""
        self._plan = plan
        self._key = Key(plan.seed).sub("tube")
        self._noise = int(self._key.sub("noise").word(0) & 0x7FFFFFFF)
        draw = self._key.sub("shape").fractions(16)
        self._radius = 19.0 + 5.0 * draw[0]
        self.build = "wide" if draw[0] > RARE else USUAL
        self._period = 24.0 + 9.0 * draw[1]
        self._fold = 0.24 + 0.12 * draw[2]
        self._colors = draw[3:9]
        self._wave = (0.5 + 0.5 * draw[9], 18.0 + 6.0 * draw[10], 140.0 + 60.0 * draw[11])
        self._breath = (1.2 + 1.0 * draw[12], 0.22 + 0.06 * draw[13], draw[14])
        self._knots, self._frames = self._walk()
        # unused by a flexible scope, whose instruments come out of it
        self.ports: Array = np.zeros((1, 3))
        self.scope_port: Array = self._knots[0]

    # --- the centerline ---------------------------------------------------------------------------

    def _walk(self) -> tuple[Array, Array]:
        """Return the centerline's knots (K, 3) and frames (K, 3, 3): tangent, normal, binormal.

        Curvature is smooth noise, so the radius of a bend stays above 30 mm; the frame is carried
        along without twist.
        """
        count = round(TUBE_MM / KNOT_MM) + 81
        s: Array = np.arange(count, dtype=np.float64) * KNOT_MM
        bend = 0.03 * np.stack(
            [fractal(s / 110.0, s * 0 + 0.5 + i, self._noise + 60 + i, octaves=2) for i in range(2)]
        )
        point, points = np.zeros(3), np.zeros((count, 3))
        t, n, b = (np.asarray(row, np.float64) for row in ((0, 0, 1), (1, 0, 0), (0, 1, 0)))
        frames = np.zeros((count, 3, 3))
        for k in range(count):
            points[k], frames[k] = point, np.stack([t, n, b])
            point = point + KNOT_MM * t
            turned = t + KNOT_MM * 1.4 * (bend[0, k] * n + bend[1, k] * b)
            t = _unit(turned)
            n = _unit(n - t * _dot(n, t))
            b = np.asarray(
                [t[1] * n[2] - t[2] * n[1], t[2] * n[0] - t[0] * n[2], t[0] * n[1] - t[1] * n[0]]
            )
        return points, frames

    def _between(self, along_mm: Any) -> tuple[NDArray[np.int64], Array]:
        x = np.clip(
            np.asarray(along_mm, np.float64) / KNOT_MM + 20.0, 0.0, len(self._knots) - 1.001
        )
        low = np.floor(x).astype(np.int64)
        return low, x - low

    def centerline(self, progress_mm: Any) -> Array:
        """Return points (…, 3) on the centerline; 50 mm before its start also have one."""
        low, f = self._between(progress_mm)
        return self._knots[low] + (self._knots[low + 1] - self._knots[low]) * f[..., None]

    def frame(self, progress_mm: Any) -> Array:
        """Return (…, 3, 3): rows tangent (to the cecum), normal and binormal; not renormalized."""
        low, f = self._between(progress_mm)
        return self._frames[low] + (self._frames[low + 1] - self._frames[low]) * f[..., None, None]

    def tangent(self, progress_mm: Any) -> Array:
        """Return unit tangents (…, 3), toward the cecum."""
        return self.frame(progress_mm)[..., 0, :]

    # --- the wall ---------------------------------------------------------------------------------

    def _radial(self, along: Array, angle: Array, *, bare: bool) -> Array:
        """Return the radius of the wall in mm."""
        n = self._noise
        turns = angle / TAU
        slow = 1.0 + 0.16 * fractal(along / 90.0, along * 0 + 0.2, n + 1, octaves=2)
        period = self._period
        shift = 5.0 * fractal(turns * 3, along / 60.0, n + 2, octaves=2, period=3)
        x = (along + shift) / period
        nearest_fold = np.rint(x)
        d = (x - nearest_fold) * period
        lobe = 0.62 + 0.5 * fractal(turns * 3, nearest_fold * 1.7, n + 3, octaves=1, period=3)
        # nothing is left of a fold halfway to the next, whose lobes differ
        fade = np.maximum(1.0 - (2.0 * d / period) ** 2, 0.0)
        profile = fade * fade / (1.0 + (d / 3.4) ** 2)
        depth = self._fold * np.clip(lobe, 0.1, 1.0) * profile * (0.75 + 0.25 * profile)
        between = 0.05 * (1 - profile) * pm.cos(3 * angle + 0.4)
        wall = self._radius * slow * (1.0 - depth + between)
        wall = wall + 0.8 * fractal(turns * 6, along / 20.0, n + 4, octaves=4, period=6)
        for polyp in self._plan.polyps:
            wall = wall - self._bump(polyp, along, angle, bare=bare)
        tangent: Array = wall
        return tangent

    def _bump(self, polyp: Polyp, along: Array, angle: Array, *, bare: bool) -> Array:
        """Return by how much a polyp, or the wound it left, stands out of the wall."""
        rho = self._polyp_distance(polyp, along, angle)
        height = polyp.size_mm * (0.34 if polyp.size_mm < 8 else 0.46)
        left = np.maximum(1.0 - rho * rho, 0.0)
        shape = np.sqrt(left) * (1.0 - 0.25 * rho * rho)
        lumps = 1.0 + 0.22 * fractal(angle * 9, along / 2.2, self._noise + 5, octaves=3)
        if bare and polyp.resected is not None:
            return -0.8 * np.maximum(1.0 - rho * rho, 0.0)
        return height * shape * lumps

    def _polyp_distance(self, polyp: Polyp, along: Array, angle: Array) -> Array:
        """Return the distance to a polyp's center over its radius."""
        turn = angle / TAU - polyp.site.b
        turn = (turn - np.rint(turn)) * TAU * self._radius * 0.85
        d = along - polyp.site.a * TUBE_MM
        radius = 0.5 * polyp.size_mm
        ragged = 1.0 + 0.18 * fractal(angle * 4, along / 4.0, self._noise + 6, octaves=2)
        distance: Array = pm.sqrt(d * d + turn * turn) / (radius * ragged)
        return distance

    def _world(self, u: Any, v: Any, *, bare: bool) -> Array:
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        along, angle = v * TUBE_MM, u * TAU
        radius = self._radial(along, angle, bare=bare)
        frame = self.frame(along)
        outward = (
            frame[..., 1, :] * pm.cos(angle)[..., None]
            + frame[..., 2, :] * pm.sin(angle)[..., None]
        )
        world: Array = self.centerline(along) + outward * radius[..., None]
        return world

    def _inward(self, u: Any, v: Any) -> Array:
        u, v = np.broadcast_arrays(np.asarray(u, np.float64), np.asarray(v, np.float64))
        frame, angle = self.frame(v * TUBE_MM), u * TAU
        inward: Array = -(
            frame[..., 1, :] * pm.cos(angle)[..., None]
            + frame[..., 2, :] * pm.sin(angle)[..., None]
        )
        return inward

    def _squeeze(self, along: Any, time_s: Any) -> Any:
        """Return by how many mm the peristaltic wave narrows the tube."""
        size, speed, spacing = self._wave
        x = (np.asarray(along) + speed * np.asarray(time_s)) / spacing
        d = (x - np.rint(x)) * spacing / 16.0
        return size / (1.0 + d * d) ** 2

    def _sway(self, time_s: Any) -> Any:
        depth, rate, phase = self._breath
        x = np.asarray(time_s, np.float64) * rate + phase
        x = x - np.floor(x)
        return depth * (smoothed(0.0, 0.45, x) - smoothed(0.5, 1.0, x))

    def point(self, u: Any, v: Any, time_s: Any) -> Array:
        """Return world points (…, 3) at a time; see `Anatomy`."""
        u, v, time = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (u, v, time_s)))
        gone = smoothed(-0.03, 0.03, self.progress(time) - self._front(v * TUBE_MM, u * TAU))
        x = self._world(u, v, bare=False)
        if np.any(gone > 0):
            x = x + (self._world(u, v, bare=True) - x) * gone[..., None]
        x = x + self._inward(u, v) * self._squeeze(v * TUBE_MM, time)[..., None]
        sway = self._sway(time)
        moved: Array = x + np.stack([0.0 * sway, sway, 0.0 * sway], axis=-1)
        return moved

    def normal(self, u: Any, v: Any) -> Array:
        """Return unit normals (…, 3) at rest, toward the centerline."""
        return self._inward(u, v)

    def locate(self, site: Site) -> tuple[float, float]:
        """Return the (u, v) of a site: `a` along the tube, `b` around it."""
        return site.b, site.a

    def _front(self, along: Array, angle: Array) -> Array:
        front = np.full(np.shape(along), NEVER)
        for i, polyp in enumerate(self._resected):
            front = np.where(self._polyp_distance(polyp, along, angle) < 1.35, i + 0.5, front)
        return front

    @cached_property
    def _resected(self) -> list[Polyp]:
        cut = [p for p in self._plan.polyps if p.resected is not None]
        return sorted(cut, key=lambda p: p.resected or 0)

    def progress(self, time_s: Any) -> Any:
        """Return how many polyps have been cut off at a time."""
        tick = np.asarray(time_s, np.float64) * TICKS_PER_SECOND
        return sum((1.0 * (tick >= (p.resected or 0)) for p in self._resected), np.zeros_like(tick))

    # --- what the renderer takes ------------------------------------------------------------------

    def amplitudes(self, time_s: float) -> Array:
        """Return the amplitudes (rows, 2) of the wave and of breathing."""
        along = np.linspace(0, TUBE_MM, ROWS)
        wave = self._squeeze(along, time_s)
        return np.stack([wave, np.full(ROWS, float(self._sway(time_s)))], axis=-1)

    def grid(self) -> Grid:
        """Return the surface at rest."""
        u, v = np.meshgrid(np.arange(COLUMNS) / COLUMNS, np.linspace(0, 1, ROWS))
        inward = self._inward(u, v)
        sway = np.broadcast_to(np.asarray([0.0, 1.0, 0.0]), inward.shape)
        return Grid(
            rest=self._world(u, v, bare=False).astype(np.float32),
            bare=self._world(u, v, bare=True).astype(np.float32),
            front=self._front(v * TUBE_MM, u * TAU).astype(np.float32),
            modes=np.stack([inward, sway]).astype(np.float32),
            wraps=True,
            orientation=-1.0,
        )

    def paint(self) -> Paint:
        """Return the textures."""
        u, v = np.meshgrid(np.arange(TEXEL_COLUMNS) / TEXEL_COLUMNS, np.linspace(0, 1, TEXEL_ROWS))
        along, angle = v * TUBE_MM, u * TAU
        n = self._noise
        x = u * 12
        base = np.asarray((0.66, 0.50, 0.36)) * (1.0 + 0.2 * (self._colors[:3] - 0.5))
        haem = (
            0.55
            + 0.35 * self._colors[3]
            + 0.22 * fractal(x, along / 11.0, n + 20, octaves=5, period=12)
        )
        haem = haem + self._vessels(u, along)
        film = np.clip(0.5 + 0.9 * fractal(x, along / 9.0, n + 21, octaves=4, period=12), 0.15, 1)
        region = np.zeros(u.shape, np.uint8)
        region[:] = vocabulary(TARGETS).label("mucosa").id + 1
        bare_haem, bare_region = haem.copy(), region.copy()
        bases = (
            np.broadcast_to(base, (*u.shape, 3))
            * (1 + 0.07 * fractal(x * 4, along / 3.0, n + 22, octaves=4, period=48))[..., None]
        )
        bare_bases = bases.copy()
        for polyp in self._plan.polyps:
            self._paint_polyp(
                polyp, along, angle, (haem, bare_haem), (bases, bare_bases), (region, bare_region)
            )
        relief = 0.035 * fractal(u * 160, along / 0.9, n + 23, octaves=3, period=160)
        relief = relief + 0.10 * fractal(
            u * 40, along / 3.5, n + 24, octaves=3, period=40, kind=BILLOW
        )
        return Paint(
            rest=packed(albedo_of(bases, np.maximum(haem, 0.05)), film),
            bare=packed(albedo_of(bare_bases, np.maximum(bare_haem, 0.05)), film),
            relief=relief.astype(np.float32),
            region=region,
            region_bare=bare_region,
            texel_mm=TUBE_MM / TEXEL_ROWS,
        )

    def _paint_polyp(
        self,
        polyp: Polyp,
        along: Array,
        angle: Array,
        haems: tuple[Array, Array],
        bases: tuple[Array, Array],
        regions: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    ) -> None:
        """Redden a polyp, and the raw bed that stays when it is cut off."""
        center = polyp.site.a * TUBE_MM
        rows = slice(
            max(0, int((center - 25) / TUBE_MM * TEXEL_ROWS)),
            int((center + 25) / TUBE_MM * TEXEL_ROWS) + 1,
        )
        rho = self._polyp_distance(polyp, along[rows], angle[rows])
        inside = smoothed(1.15, 0.8, rho)
        pits = fractal(
            angle[rows] * 60, along[rows] / 0.8, self._noise + 30, octaves=2, kind=RIDGED
        )
        haems[0][rows] += inside * (0.28 + 0.35 * (pits - 0.6))
        targets = vocabulary(TARGETS)
        regions[0][rows] = np.where(rho < 1, targets.label("polyp").id + 1, regions[0][rows])
        if polyp.resected is None:
            haems[1][rows] = haems[0][rows]
            regions[1][rows] = regions[0][rows]
            return
        bed = smoothed(1.2, 0.9, rho)
        haems[1][rows] += bed * (0.55 - 0.5 * smoothed(0.8, 0.2, rho))
        bases[1][rows] *= 1 + 0.25 * (bed * smoothed(0.9, 0.3, rho))[..., None]
        regions[1][rows] = np.where(rho < 1, targets.label("ulcer_bed").id + 1, regions[1][rows])

    def _vessels(self, u: Array, along: Array) -> Array:
        """Return haemoglobin of the submucosal vessels."""
        field = np.zeros(u.shape)
        around = TAU * self._radius
        texel = (around / TEXEL_COLUMNS, TUBE_MM / (TEXEL_ROWS - 1))
        key = self._key.sub("vessels")
        draws = key.fractions(400)
        count = 110
        for i in range(count):
            start = (float(draws[2 * i]) * around, (i + float(draws[2 * i + 1])) / count * TUBE_MM)
            tree = vessel_tree(
                key.sub("tree", i), start, float(draws[i]) * TAU, radius_mm=0.55, reach_mm=34.0
            )
            stamp_vessels(field, tree, texel_mm=texel, wraps=True)
        net = fractal(u * 24, along / 5.5, self._noise + 31, octaves=4, kind=RIDGED, period=24) ** 9
        return 0.75 * field + 0.5 * net


def _dot(a: Array, b: Array) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _unit(a: Array) -> Array:
    return a / pm.sqrt(_dot(a, a))
