"""Anatomies: surfaces of tissue, where a procedure's targets lie on them, and how they move.

World coordinates are mm; in the cavity z points from the tissue to the scope, y is cranial.
Material coordinates (u, v) in [0, 1] belong to a point of tissue for good: u along the columns
of its grid, v along the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from videoengine.recon3d.simulator.plan import Site

Array = NDArray[np.float64]
USUAL: Final = "usual"
RARE: Final = 0.75
"""Share of patients of the usual build; trainers leave the others out, so that scorers meet them
for the first time."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The surface as the renderer takes it."""

    rest: NDArray[np.float32]
    """(rows, columns, 3), mm."""
    bare: NDArray[np.float32]
    """The same after everything removable is gone."""
    front: NDArray[np.float32]
    """(rows, columns): progress at which a point goes from rest to bare; 1e9 never."""
    modes: NDArray[np.float32]
    """(modes, rows, columns, 3): mm of displacement per unit of amplitude."""
    wraps: bool
    orientation: float
    """Sign that turns cross(d/du, d/dv) toward the camera."""


@dataclass(frozen=True, slots=True)
class Paint:
    """What the surface looks like, in material coordinates."""

    rest: NDArray[np.uint8]
    """(height, width, 4): square roots of the albedo, film."""
    bare: NDArray[np.uint8]
    relief: NDArray[np.float32]
    """(height, width), mm."""
    region: NDArray[np.uint8]
    """(height, width): id + 1 of the target in the procedure's vocabulary, 0 none."""
    region_bare: NDArray[np.uint8]
    texel_mm: float


class Anatomy(Protocol):
    """One patient's surface."""

    name: str
    build: str
    """The patient's: USUAL, or what is larger than in three patients of four."""
    ports: Array
    """(P, 3): where instruments enter, world mm."""
    scope_port: Array
    """(3,): where the scope enters."""

    def locate(self, site: Site) -> tuple[float, float]:
        """Return the (u, v) of a place within a target region."""
        ...

    def point(self, u: Any, v: Any, time_s: Any) -> Array:
        """Return world points (…, 3) at a time, breathing included; exact on every machine."""
        ...

    def normal(self, u: Any, v: Any) -> Array:
        """Return unit normals (…, 3) at rest, toward the camera's side."""
        ...

    def amplitudes(self, time_s: float) -> Array:
        """Return the amplitudes (rows, modes) of the grid's modes at a time."""
        ...

    def progress(self, time_s: Any) -> Any:
        """Return how much has been removed at a time, against `Grid.front`."""
        ...

    def grid(self) -> Grid:
        """Return the surface at rest."""
        ...

    def paint(self) -> Paint:
        """Return the textures."""
        ...
