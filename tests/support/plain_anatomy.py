"""Anatomies for tests of rendering: the real surfaces, built once, under few texels."""

from __future__ import annotations

from typing import Any

import numpy as np

from videoengine.recon3d.simulator.anatomy import Anatomy, Grid, Paint
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.plan import Plan


class FewTexels:
    """An anatomy under a texture of 5 × 5 texels, with its grid kept."""

    def __init__(self, anatomy: Anatomy) -> None:
        self._anatomy, self._grid = anatomy, anatomy.grid()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._anatomy, name)

    def grid(self) -> Grid:
        return self._grid

    def paint(self) -> Paint:
        side = np.linspace(0.0, 1.0, 5)  # the meter's texture takes every fourth texel
        u, v = np.meshgrid(side, side)
        u = 0 * u if self._grid.wraps else u  # the far end of a tube packs a turn into few pixels
        level = np.stack(
            [u + v - 2 * u * v, 0.3 * u + 0.7 * v, 0.5 + 0.5 * (u - v), 0.5 + 0 * u], -1
        )
        texels = np.rint(50 + 150 * level).astype(np.uint8)
        region = np.arange(1, 26, dtype=np.uint8).reshape(5, 5)
        return Paint(texels, texels, np.zeros((5, 5), np.float32), region, region, 25.0)


class Patients:
    """Stands in for `make_anatomy`: builds each patient once."""

    def __init__(self) -> None:
        self._kept: dict[Any, FewTexels] = {}

    def __call__(self, plan: Plan) -> Any:
        """Return the anatomy of a plan."""
        key = (plan.anatomy, plan.seed, plan.phases, plan.polyps)
        if key not in self._kept:
            self._kept[key] = FewTexels(make_anatomy(plan))
        return self._kept[key]
