from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def built_with_cuda() -> bool: ...
def instruction_set() -> str: ...
def color_conversion(
    planes: Sequence[NDArray[Any]],
    out: NDArray[Any],
    layout: str,
    bit_depth: int,
    matrix: str,
    full_range: bool,
) -> None: ...

FRAME_STATISTICS_LENGTH: int

def frame_statistics(
    planes: Sequence[Any],
    out: Any,
    layout: str,
    bit_depth: int,
    full_range: bool,
    instruction_set: str = "best",
    stream: int = 0,
) -> None: ...

class SceneRenderer:
    def __init__(
        self,
        width: int,
        height: int,
        intrinsics: NDArray[np.float32],
        backend: str = "cpu",
    ) -> None: ...
    def set_mesh(
        self,
        rest: NDArray[np.float32],
        bare: NDArray[np.float32],
        front: NDArray[np.float32],
        modes: NDArray[np.float32],
        wraps: bool,
        orientation: float,
    ) -> None: ...
    def set_textures(
        self,
        rest: NDArray[np.uint8],
        bare: NDArray[np.uint8],
        relief: NDArray[np.float32],
        region: NDArray[np.uint8],
        region_bare: NDArray[np.uint8],
        texel_mm: float,
    ) -> None: ...
    def render(
        self,
        *,
        pose: NDArray[np.float32],
        amplitudes: NDArray[np.float32],
        progress: float,
        pulls: NDArray[np.float32],
        first_row: int,
        solids: NDArray[np.float32],
        materials: NDArray[np.float32],
        light: NDArray[np.float32],
        puffs: NDArray[np.float32],
        drops: NDArray[np.float32],
        sensor: NDArray[np.float32],
        stains: NDArray[np.float32],
        scene_seed: int,
        noise_seed: int,
        rgb: NDArray[np.uint8] | None = None,
        linear: NDArray[np.float32] | None = None,
        depth: NDArray[np.float32] | None = None,
        labels: NDArray[np.uint8] | None = None,
        material: NDArray[np.float32] | None = None,
        flow: NDArray[np.float32] | None = None,
        next_pose: NDArray[np.float32] | None = None,
        next_amplitudes: NDArray[np.float32] | None = None,
        next_progress: float = 0.0,
        next_pulls: NDArray[np.float32] | None = None,
    ) -> None: ...

def noise_fractal(
    points: NDArray[np.float64],
    out: NDArray[np.float64],
    seed: int,
    octaves: int,
    gain: float,
    kind: int,
    period: int,
) -> None: ...
def shading_reflect(
    normals: NDArray[np.float64],
    views: NDArray[np.float64],
    lights: NDArray[np.float64],
    surface: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None: ...
def spot_irradiance(
    points: NDArray[np.float64], spot: NDArray[np.float64], out: NDArray[np.float64]
) -> None: ...
def camera_project(
    intrinsics: NDArray[np.float64], points: NDArray[np.float64], out: NDArray[np.float64]
) -> None: ...
def camera_rays(
    intrinsics: NDArray[np.float64], pixels: NDArray[np.float64], out: NDArray[np.float64]
) -> None: ...

SPLAT_MOST_PAIRS: int

class SplatDeviceJob:
    def __init__(
        self,
        machine: str,
        stream: int,
        scene: Sequence[int],
        count: int,
        degree: int,
        shot: Sequence[int],
        intrinsics: Sequence[float],
        lamp: Sequence[float],
        rules: Sequence[float],
        width: int,
        height: int,
        capacity: int,
        flags: Sequence[bool],
    ) -> None: ...
    def set_capacity(self, capacity: int) -> None: ...
    def bytes(self, part: str) -> int: ...
    def count(self, front: int, scratch: int) -> None: ...
    def draw(
        self, front: int, lists: Sequence[int], counted: int, scratch: int, out: Sequence[int]
    ) -> None: ...
    def backward(
        self,
        front: int,
        lists: Sequence[int],
        scratch: int,
        gradients: Sequence[int],
        out: Sequence[int],
    ) -> None: ...

def splat_device_note(machine: str, stream: int, front: int, ledger: int) -> None: ...
def splat_forward(
    scene: Sequence[NDArray[Any]],
    shot: Sequence[NDArray[Any]],
    width: int,
    height: int,
    out: Sequence[NDArray[Any] | None],
    capacity: int = 0,
    cull: bool = True,
    instruction_set: str = "best",
) -> NDArray[np.uint8]: ...
def splat_backward(
    scene: Sequence[NDArray[Any]],
    shot: Sequence[NDArray[Any]],
    width: int,
    height: int,
    pass_: NDArray[np.uint8],
    gradients: Sequence[NDArray[Any] | None],
    out: Sequence[NDArray[Any] | None],
    normals: bool = False,
    cull: bool = True,
    instruction_set: str = "best",
) -> None: ...

ADAM_CLOCK: int
ADAM_FAULTS: int
PHOTOMETRIC_MAPS: int
PHOTOMETRIC_STATES: int

def adam_step(
    tensors: Sequence[NDArray[Any] | None],
    state: Sequence[NDArray[Any] | None],
    count: int,
    widths: Sequence[int],
    numbers: Sequence[float],
    wide: bool,
    instruction_set: str = "best",
) -> int: ...
def adam_step_cuda(
    tensors: Sequence[int],
    state: Sequence[int],
    count: int,
    widths: Sequence[int],
    numbers: Sequence[float],
    wide: bool,
    stream: int,
) -> None: ...
def photometric_forward(
    pictures: Sequence[NDArray[Any] | None],
    width: int,
    height: int,
    weights: Sequence[float],
    pearson: bool,
    out: Sequence[NDArray[Any]],
    instruction_set: str = "best",
) -> None: ...
def photometric_backward(
    pictures: Sequence[NDArray[Any] | None],
    width: int,
    height: int,
    weights: Sequence[float],
    pearson: bool,
    kept: Sequence[NDArray[Any]],
    out: Sequence[NDArray[Any] | None],
    instruction_set: str = "best",
) -> None: ...
def photometric_cuda_scratch(width: int, height: int) -> int: ...
def photometric_cuda(
    forward: bool,
    wide: bool,
    pictures: Sequence[int],
    width: int,
    height: int,
    weights: Sequence[float],
    pearson: bool,
    out: Sequence[int],
    stream: int,
) -> None: ...
