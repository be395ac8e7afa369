"""The path of the camera: from gaze to gaze, held by a hand, through a trocar or along a tube.

In a cavity the scope is rigid and looks OBLIQUE_RAD aside from its shaft, which always passes
through its trocar. Its tip then lies on a circle about the line from the trocar to what it looks
at; a gaze's azimuth says where on that circle, 0 being the side of the tissue's normal, and its
elevation moves the aim cranially. In a tube the tip runs along the centerline; azimuth and
elevation turn it right and up from the tangent, or from the site it looks at.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator import portable_math as pm
from videoengine.recon3d.simulator.anatomy import Anatomy
from videoengine.recon3d.simulator.grammar import NULL_TARGET
from videoengine.recon3d.simulator.plan import TICKS_PER_SECOND, Plan
from videoengine.recon3d.simulator.portable_math import PI, TAU, Array
from videoengine.recon3d.simulator.portable_math import smooth_step as ease
from videoengine.recon3d.simulator.randomness import Key
from videoengine.recon3d.simulator.vectors import (
    across,
    cross,
    dot,
    length,
    mix,
    pose,
    unit,
)

OBLIQUE_RAD: Final = PI / 6.0
WITHDRAWN: Final = 0.97
"""Share of the way to its trocar that a scope is drawn back before it leaves the body."""
LOOK_AHEAD_MM: Final = 30.0
"""In a tube the tip is steered toward the middle of what lies this far ahead."""
SWAY_MM: Final = {"cavity": 3.0, "tube": 1.5}
"""How far the hand that holds the scope drifts about, slowly."""
UP: Final = np.asarray([0.0, 1.0, 0.0])


class Tremor:
    """Small movements of a hand: a fast tremor of 8 to 12 Hz and a slow drift."""

    def __init__(self, key: Key, rows: int, *, drift_mm: float) -> None:
        """Draw `rows` hands; the tremor of each is 0.05 to 0.3 mm."""
        draw = key.sub("tremor").fractions(rows * 13).reshape(rows, 13)
        fast = TAU * (8.0 + 4.0 * draw[:, :6])
        slow = TAU * (0.12 + 0.3 * draw[:, 9:12])
        self._rate = np.concatenate([fast, slow], axis=1)
        self._phase = TAU * np.concatenate([draw[:, 6:9], draw[:, :3], draw[:, 3:6]], axis=1)
        # two sines an axis, three axes: together at most the stated size
        size = (0.05 + 0.25 * draw[:, 12:13]) / (2.0 * np.sqrt(3.0))
        drift = np.full((rows, 3), drift_mm / np.sqrt(3.0))
        self._size = np.concatenate([np.repeat(size, 6, axis=1), drift], axis=1)

    def at(self, row: NDArray[np.int64], time_s: Array) -> Array:
        """Return displacements (M, 3) in mm of hands `row` (M,) at times (M,)."""
        angle = self._rate[row] * time_s[:, None] + self._phase[row]
        wave = self._size[row] * pm.sin(angle)
        return wave[:, 0:3] + wave[:, 3:6] + wave[:, 6:9]


class TubeLine(Protocol):
    """The centerline of a tube."""

    def centerline(self, progress_mm: Array) -> Array:
        """Return points (…, 3)."""
        ...

    def frame(self, progress_mm: Array) -> Array:
        """Return (…, 3, 3), rows tangent, normal and binormal."""
        ...


class CameraPath:
    """The camera of one plan."""

    def __init__(self, plan: Plan, anatomy: Anatomy, key: Key) -> None:
        """Lay the gazes out on the anatomy."""
        self._anatomy = anatomy
        self._tube = plan.anatomy == "tube"
        gazes = plan.gazes
        ticks = np.asarray([(gaze.start, gaze.travel) for gaze in gazes], np.float64)
        self._start_s = ticks[:, 0] / TICKS_PER_SECOND
        self._travel_s = np.maximum(ticks[:, 1], 1.0) / TICKS_PER_SECOND
        self._numbers = np.asarray(
            [
                (g.distance_mm, g.azimuth_rad, g.elevation_rad, g.roll_rad, g.progress_mm)
                for g in gazes
            ],
            np.float64,
        )
        places = np.asarray([anatomy.locate(gaze.site) for gaze in gazes], np.float64)
        self._site = anatomy.point(places[:, 0], places[:, 1], self._start_s)
        self._free = np.asarray([gaze.site.target == NULL_TARGET for gaze in gazes])
        self._tremor = Tremor(key.sub("camera"), 1, drift_mm=SWAY_MM[plan.anatomy])
        self._ways = _ways(plan)

    def progress_mm(self, time_s: Array) -> Array:
        """Return how far along a tube the tip is at times (N,)."""
        return self._blend(*self._stage(time_s))[-1]

    def _stage(self, time_s: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Return between which gazes the camera is, and its share of the way."""
        after = np.searchsorted(self._start_s, time_s, side="right") - 1
        after = np.maximum(after, 0)
        before = np.maximum(after - 1, 0)
        share = ease((time_s - self._start_s[after]) / self._travel_s[after])
        return before, after, np.where(after == 0, 1.0, share)

    def __call__(self, time_s: Array) -> Array:
        """Return world_from_camera (N, 4, 4) at times (N,)."""
        before, after, share = self._stage(time_s)
        hand = self._tremor.at(np.zeros(len(time_s), np.int64), time_s)
        make = self._along_tube if self._tube else self._through_trocar
        return make(before, after, share, hand, time_s)

    def _blend(
        self, before: NDArray[np.int64], after: NDArray[np.int64], share: Array
    ) -> tuple[Array, ...]:
        numbers = self._numbers[before]
        numbers = numbers + (self._numbers[after] - numbers) * share[:, None]
        return tuple(numbers.T)

    def _through_trocar(
        self,
        before: NDArray[np.int64],
        after: NDArray[np.int64],
        share: Array,
        hand: Array,
        time_s: Array,
    ) -> Array:
        distance, azimuth, elevation, roll, _ = self._blend(before, after, share)
        site = mix(self._site[before], self._site[after], share)
        trocar = np.broadcast_to(np.asarray(self._anatomy.scope_port, np.float64), site.shape)
        site = site + UP * (distance * elevation)[:, None]
        to_trocar = trocar - site
        reach = length(to_trocar)
        sine, cosine = pm.sincos(OBLIQUE_RAD)
        # the triangle of trocar, tip and site, whose outer angle at the tip is the obliqueness
        side = distance * sine
        shaft = np.sqrt(np.maximum(reach * reach - side * side, 1.0)) - distance * cosine
        lean = np.minimum(np.maximum(shaft, 1.0) * sine / reach, 0.9)
        axis = unit(to_trocar)
        raised = across(np.broadcast_to(np.asarray([0.0, 0.0, 1.0]), axis.shape), axis)
        aside = cross(axis, raised)
        turn_sine, turn_cosine = pm.sincos(azimuth)
        outward = raised * turn_cosine[:, None] + aside * turn_sine[:, None]
        straight = np.sqrt(1.0 - lean * lean)
        tip = site + (axis * straight[:, None] + outward * lean[:, None]) * distance[:, None]
        tip = tip + hand
        forward = unit(site - tip)
        drawn = self._drawn_back(time_s)
        inward = unit(tip - trocar)
        tip = mix(tip, trocar, WITHDRAWN * drawn)
        forward = unit(mix(forward, inward, drawn))
        return _looking(tip, forward, np.broadcast_to(UP, tip.shape), roll)

    def _drawn_back(self, time_s: Array) -> Array:
        """Return how far the scope is on its way out: 0 in place, 1 out of the body."""
        out = np.zeros_like(time_s)
        for start, end, first, last in self._ways:
            way = ease((time_s - start) / (end - start))
            value = first + (last - first) * way
            out = np.where((time_s >= start) & (time_s < end), value, out)
        return out

    def _along_tube(
        self,
        before: NDArray[np.int64],
        after: NDArray[np.int64],
        share: Array,
        hand: Array,
        time_s: Array,
    ) -> Array:
        line: TubeLine = self._anatomy  # type: ignore[assignment]
        _, azimuth, elevation, roll, progress = self._blend(before, after, share)
        frame = np.asarray(line.frame(progress), np.float64)
        tip = line.centerline(progress) + hand
        tangent = unit(frame[..., 0, :])
        ahead = unit(line.centerline(progress + LOOK_AHEAD_MM) - tip)
        first, second = (
            np.where(self._free[n][:, None], ahead, unit(self._site[n] - tip))
            for n in (before, after)
        )
        forward = unit(mix(first, second, share))
        up = across(_turned_along(frame[..., 1, :], tangent, forward), forward)
        right = cross(forward, up)
        sine, cosine = pm.sincos(azimuth)
        forward = forward * cosine[:, None] + right * sine[:, None]
        sine, cosine = pm.sincos(elevation)
        forward, up = (
            forward * cosine[:, None] + up * sine[:, None],
            up * cosine[:, None] - forward * sine[:, None],
        )
        return _looking(tip, forward, up, roll)


def _turned_along(vector: Array, before: Array, after: Array) -> Array:
    """Return vectors across `before`, turned by the least rotation of `before` to `after`."""
    middle = before + after
    share = dot(vector, after) / np.maximum(1.0 + dot(before, after), 1e-3)
    return vector - middle * share[..., None]


def _looking(origin: Array, forward: Array, up: Array, roll: Array) -> Array:
    """Return poses that look forward, with `up` upward in the picture but for the roll."""
    down = -across(up, forward)
    right = cross(down, forward)
    sine, cosine = pm.sincos(roll)
    turned = right * cosine[:, None] + down * sine[:, None]
    return pose(turned, cross(forward, turned), forward, origin)


def _ways(plan: Plan) -> list[tuple[float, float, float, float]]:
    """Return start, end, and how far the scope is drawn back at both, of the spans outside."""
    ways: list[tuple[float, float, float, float]] = []
    for number, span in enumerate(plan.outside):
        start, end = span.start / TICKS_PER_SECOND, span.end / TICKS_PER_SECOND
        if span.kind != "trocar":
            ways.append((start, end, 1.0, 1.0))
            continue
        earlier = plan.outside[number - 1] if number else None
        # a trocar is passed inward after the theatre or a cleaning, else outward
        inward = earlier is not None and earlier.end == span.start and earlier.kind != "trocar"
        ways.append((start, end, 1.0, 0.0) if inward else (start, end, 0.0, 1.0))
    return ways
