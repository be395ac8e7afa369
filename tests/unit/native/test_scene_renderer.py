"""The renderer on small scenes whose pictures are known: a bowl, a wall, a ball."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from videoengine import _native

Array = NDArray[Any]
TOLERANCES: Final = {
    "depth": 2e-6,  # relative; a handful of float32 operations
    "material": 2e-5,  # of the wall; the same, divided by the extent of a triangle
    "flow": 2e-4,  # pixels; float32 coordinates of some hundred pixels
    "fisheye": 3e-4,  # relative; arc tangent and tangent are polynomials good to 5e-7
}
SIZES: Final = ((64, 52), (33, 27), (101, 77), (8, 9))
PINHOLE, FISHEYE = 0.0, 1.0
NO_ROWS: Final = {"pulls": 7, "solids": 31, "puffs": 5, "drops": 7}


def floats(values: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)


def lens_of(size: tuple[int, int], model: float) -> NDArray[np.float32]:
    width, height = size
    focal = 0.8 * width if model == PINHOLE else 0.5 * float(np.hypot(*size)) / 1.25
    k1, k2 = (-0.16, 0.02) if model == PINHOLE else (-0.03, 0.0)
    return floats([focal, focal, (width - 1) / 2, (height - 1) / 2, k1, k2, model])


def bowl(rows: int = 90, columns: int = 120, seed: int = 0) -> Array:
    """Return points (rows, columns, 3) of a lumpy ball around the camera, open behind it."""
    theta = np.linspace(0.0, 1.5, rows)[:, None]
    phi = np.arange(columns)[None] / columns * 2 * np.pi
    lumps = np.random.default_rng(seed).uniform(-1, 1, (3, 4))
    radius = 60.0 + 0.0 * phi * theta
    for k, (a, b, c, d) in enumerate(lumps):
        radius = radius + 6 * a * np.sin((k + 2) * theta) * np.sin((k + 1) * phi + b)
        radius = radius + 4 * c * np.sin(9 * theta + d)
    sine = np.sin(theta) + 0 * phi
    return radius[..., None] * np.stack(
        [sine * np.cos(phi), sine * np.sin(phi), np.cos(theta) + 0 * phi], axis=-1
    )


def wall(depth_mm: float = 50.0, half_mm: float = 200.0, points: int = 41) -> Array:
    side = np.linspace(-half_mm, half_mm, points)
    x, y = np.meshgrid(side, side)
    return np.stack([x, y, np.full_like(x, depth_mm)], axis=-1)


def renderer_of(
    size: tuple[int, int],
    model: float,
    rest: Array,
    *,
    wraps: bool = False,
    backend: str = "cpu",
    modes: int = 1,
) -> _native.SceneRenderer:
    rng = np.random.default_rng(9)
    out = _native.SceneRenderer(*size, lens_of(size, model), backend)
    rows, columns, _ = rest.shape
    front = np.where(rng.random((rows, columns)) < 0.5, 0.5, 1e9)
    moves = rng.normal(0, 0.3, (modes, rows, columns, 3))
    out.set_mesh(
        floats(rest), floats(rest * [1, 1, 1.01]), floats(front), floats(moves), wraps, -1.0
    )
    texels = rng.integers(40, 220, (2, 32, 48, 4)).astype(np.uint8)
    regions = rng.integers(0, 9, (2, 32, 48)).astype(np.uint8)
    relief = floats(rng.normal(0, 0.05, (32, 48)))
    out.set_textures(texels[0], texels[1], relief, regions[0], regions[1], 1.0)
    return out


def call_of(rows: int, modes: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a plain picture: a lamp at the camera, nothing else."""
    light = [0, -3, 0, 0, 0, 1, 30000, 2, 1, 1, 0.9, 0.1, 0.05, 0.05, 0, 0.7]
    sensor = [0.5, 1, 1, 1, 0.3, 0.5, 0.6, 0.005, 0.6, 0, 0, 1, 0, 0]
    return {
        "pose": floats(np.eye(4)[:3]),
        "amplitudes": np.zeros((rows, modes), np.float32),
        "progress": 0.0,
        "first_row": 0,
        "materials": floats([[0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.3, 0.2, 0.1, 0, 1]]),
        "light": floats(light),
        "sensor": floats(sensor),
        "stains": np.zeros((4, 4, 3), np.float32),
        "scene_seed": 3,
        "noise_seed": 4,
        **{name: np.zeros((0, columns), np.float32) for name, columns in NO_ROWS.items()},
        **changes,
    }


def outputs_of(size: tuple[int, int]) -> dict[str, Any]:
    shape = (size[1], size[0])
    return {
        "rgb": np.full((*shape, 3), 77, np.uint8),
        "linear": np.full((*shape, 3), np.nan, np.float32),
        "depth": np.full(shape, np.nan, np.float32),
        "labels": np.full((*shape, 4), 77, np.uint8),
        "material": np.full((*shape, 2), np.nan, np.float32),
        "flow": np.full((*shape, 2), np.nan, np.float32),
    }


def solid(kind: int, a: Any, b: Any, radii: Any, track: int = 0) -> NDArray[np.float32]:
    """Return the row of a solid of material 0, instrument 1, part 2, that stays where it is."""
    row = np.zeros(31, np.float32)
    row[:5] = kind, 0, 1, 2, track
    row[5:8], row[8:11], row[11:14] = a, b, (1, 0, 0)
    row[14:17] = radii
    row[17] = row[22] = row[27] = 1
    return row


def busy(rows: int, modes: int = 1) -> dict[str, Any]:
    """Return the arguments of a picture with everything in it."""
    rng = np.random.default_rng(2)
    solids = [
        solid(0, (-12, 4, 20), (2, 1, 42), (2.5, 1.0, 0)),
        solid(0, (20, 14, 10), (6, 3, 44), (2.5, 2.5, 0), track=1),
        solid(1, (8, -8, 35), (0, 0.6, 0.8), (5, 2, 1), track=2),
        solid(2, (0.7, 0.4, -30), (0.7, 0.4, 6), (6.2, 6.2, 0), track=-1),
    ]
    return call_of(
        rows,
        modes,
        amplitudes=floats(rng.normal(0, 1, (rows, modes))),
        progress=0.49,
        pulls=floats([[5, 5, 50, 0, 3, -6, 7]]),
        solids=np.stack(solids),
        puffs=floats([[0, 2, 30, 8, 1.5], [-9, 0, 45, 5, 0.7]]),
        drops=floats([[0.1, 0.1, 0.12, 0.7, 0.9, 0.4, 0.4]]),
        stains=floats(rng.uniform(0, 1.5, (20, 24, 3))),
        next_pose=floats([[1, 0, 0, 0.4], [0, 1, 0, 0], [0, 0, 1, 1]]),
        next_amplitudes=floats(rng.normal(0, 1, (rows, modes))),
        next_progress=0.5,
        next_pulls=floats([[5, 5, 50, 0, 3, -5, 7]]),
    )


@pytest.mark.parametrize("model", [PINHOLE, FISHEYE])
@pytest.mark.parametrize("size", SIZES)
def test_a_closed_bowl_leaves_no_pixel_empty(size: tuple[int, int], model: float) -> None:
    for seed in range(4):
        rest = bowl(seed=seed)
        for wraps in (True, False):
            points = rest if wraps else np.concatenate([rest, rest[:, :1]], axis=1)
            out = outputs_of(size)
            renderer = renderer_of(size, model, points, wraps=wraps)
            renderer.render(**call_of(90), depth=out["depth"], material=out["material"])
            assert (out["depth"] > 5).all()
            assert ((out["material"] >= 0) & (out["material"] <= 1)).all()


@pytest.mark.parametrize("model", [PINHOLE, FISHEYE])
def test_coarse_triangles_leave_no_pixel_empty(model: float) -> None:
    for rows, columns in ((12, 16), (23, 30)):
        out = outputs_of((64, 52))
        renderer = renderer_of((64, 52), model, bowl(rows, columns), wraps=True)
        renderer.render(**call_of(rows), depth=out["depth"])
        assert (out["depth"] > 5).all()


def pixel_grid(size: tuple[int, int], model: float) -> Array:
    """Return the rays (H, W, 3), z = 1, of all pixels, in doubles."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    at = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    out = np.empty((len(at), 3))
    _native.camera_rays(lens_of(size, model).astype(np.float64), at, out)
    return out.reshape(size[1], size[0], 3)


@pytest.mark.parametrize(("model", "bound"), [(PINHOLE, "depth"), (FISHEYE, "fisheye")])
def test_a_slanted_wall_has_the_depth_of_its_plane(model: float, bound: str) -> None:
    size = (64, 52)
    rest = wall(half_mm=260.0)
    rest[..., 2] += 0.1 * rest[..., 0] + 0.05 * rest[..., 1]
    out = outputs_of(size)
    renderer_of(size, model, rest).render(**call_of(41), depth=out["depth"])
    ray = pixel_grid(size, model)
    wanted = 50.0 / (1.0 - 0.1 * ray[..., 0] - 0.05 * ray[..., 1])
    inside = (wanted > 0) & (np.abs(ray[..., :2]).max(axis=-1) * wanted < 250)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(out["depth"][inside], wanted[inside], rtol=TOLERANCES[bound])


def test_material_coordinates_run_evenly_over_a_wall() -> None:
    size = (65, 53)
    out = outputs_of(size)
    renderer_of(size, PINHOLE, wall()).render(**call_of(41), material=out["material"])
    at = pixel_grid(size, PINHOLE)[..., :2] * 50.0
    wanted = (at + 200.0) / 400.0
    np.testing.assert_allclose(out["material"], wanted, rtol=0, atol=TOLERANCES["material"])


def test_a_window_of_rows_keeps_the_material_coordinates_of_the_whole() -> None:
    size = (64, 52)
    renderer = renderer_of(size, PINHOLE, wall())
    whole, part = outputs_of(size), outputs_of(size)
    renderer.render(**call_of(41), material=whole["material"], depth=whole["depth"])
    renderer.render(**call_of(20, first_row=12), material=part["material"], depth=part["depth"])
    seen = part["depth"] > 0
    assert seen.any()
    np.testing.assert_allclose(
        part["material"][seen], whole["material"][seen], rtol=0, atol=TOLERANCES["material"]
    )


def test_a_ball_has_the_depth_and_the_labels_of_a_ball() -> None:
    size, center, radius = (64, 52), np.asarray([3.0, -2.0, 30.0]), 6.0
    out = outputs_of(size)
    ball = solid(0, center, center, (radius, radius, 0), track=4)[None]
    renderer_of(size, PINHOLE, wall()).render(
        **call_of(41, solids=ball),
        depth=out["depth"],
        labels=out["labels"],
        material=out["material"],
    )
    ray = pixel_grid(size, PINHOLE)
    a, b = (ray**2).sum(-1), ray @ center
    square = b * b - a * (center @ center - radius**2)
    hit = square > 0
    wanted = np.where(hit, (b - np.sqrt(np.maximum(square, 0))) / a, 50.0)
    firm = np.abs(square) > 1.0  # a ray that only grazes it may go either way
    np.testing.assert_allclose(out["depth"][firm], wanted[firm], rtol=10 * TOLERANCES["depth"])
    assert (out["labels"][hit & firm][:, :3] == [2, 2, 5]).all()
    assert (out["material"][hit & firm] == -1).all()
    assert not out["labels"][~hit & firm][:, :3].any()


def test_flow_of_a_shifted_wall_is_parallax() -> None:
    size = (64, 52)
    lens = lens_of(size, PINHOLE)
    lens[4:6] = 0  # without distortion
    renderer = _native.SceneRenderer(*size, lens)
    zeros = np.zeros((2, 2), np.uint8)
    renderer.set_mesh(
        floats(wall()), floats(wall()), floats(np.full((41, 41), 1e9)),
        np.zeros((0, 41, 41, 3), np.float32), False, -1.0,
    )  # fmt: skip
    texels = np.full((2, 2, 4), 128, np.uint8)
    renderer.set_textures(texels, texels, np.zeros((2, 2), np.float32), zeros, zeros, 1.0)
    then = np.eye(4)[:3]
    then[0, 3], then[2, 3] = 1.5, -2.0
    none = np.zeros((41, 0), np.float32)
    out = outputs_of(size)
    renderer.render(
        **call_of(
            41,
            0,
            next_pose=floats(then),
            next_amplitudes=none,
            next_pulls=np.zeros((0, 7), np.float32),
        ),
        flow=out["flow"],
    )
    x, y = np.meshgrid(np.arange(64) - 31.5, np.arange(52) - 25.5)
    focal = float(lens[0])
    wanted = np.stack([(x * 50 + focal * 1.5) / 48 - x, y * 50 / 48 - y], axis=-1)
    np.testing.assert_allclose(out["flow"], wanted, rtol=0, atol=TOLERANCES["flow"])


@pytest.mark.parametrize("model", [PINHOLE, FISHEYE])
@pytest.mark.parametrize("size", SIZES)
def test_every_instruction_set_gives_the_same_bytes(size: tuple[int, int], model: float) -> None:
    pictures: list[dict[str, Any]] = []
    for backend in ("cpu", "baseline"):
        out = outputs_of(size)
        renderer = renderer_of(size, model, bowl(), wraps=True, backend=backend)
        renderer.render(**busy(90), **out)
        pictures.append(out)
    for name in pictures[0]:
        np.testing.assert_array_equal(pictures[0][name], pictures[1][name], err_msg=name)
        assert len(np.unique(pictures[0][name])) > 2


def test_a_picture_does_not_depend_on_what_was_rendered_before() -> None:
    size = (64, 52)
    fresh, used = outputs_of(size), outputs_of(size)
    renderer_of(size, PINHOLE, bowl(), wraps=True).render(**busy(90), **fresh)
    renderer = renderer_of(size, PINHOLE, bowl(), wraps=True)
    renderer.render(**call_of(50, first_row=7), rgb=used["rgb"])
    renderer.render(**busy(90), **used)
    for name in fresh:
        np.testing.assert_array_equal(fresh[name], used[name], err_msg=name)


def test_asking_for_less_changes_nothing_else() -> None:
    size = (64, 52)
    everything, alone = outputs_of(size), outputs_of(size)
    renderer = renderer_of(size, PINHOLE, bowl(), wraps=True)
    renderer.render(**busy(90), **everything)
    for name in everything:
        renderer.render(**busy(90), **{name: alone[name]})
        np.testing.assert_array_equal(everything[name], alone[name], err_msg=name)


def test_an_instrument_casts_a_shadow() -> None:
    size = (64, 52)
    rod = solid(0, (-30, 0, 30), (30, 0, 30), (2, 2, 0))[None]
    renderer = renderer_of(size, PINHOLE, wall())
    pictures: list[Array] = []
    for shadows in (1, 0):
        call = call_of(41, solids=rod)
        call["light"][13] = call["light"][11] = call["light"][12] = 0
        call["sensor"][11] = shadows
        out = outputs_of(size)
        renderer.render(**call, linear=out["linear"], labels=out["labels"])
        pictures.append(np.where(out["labels"][..., :1] > 0, np.nan, out["linear"]))
    darkened = (pictures[0] == 0).all(-1) & (pictures[1] > 0).all(-1)
    assert 0.02 < darkened.mean() < 0.2
    np.testing.assert_array_equal(pictures[0][~darkened], pictures[1][~darkened])


BAD: Final[dict[str, tuple[dict[str, tuple[int, ...]], str]]] = {
    "a square pose": (
        {"pose": (4, 4)},
        r"pose has the wrong shape; got \(4, 4\); allowed: \(3, 4\)",
    ),
    "other modes": ({"amplitudes": (41, 2)}, r"got \(41, 2\); allowed: \(any, 1\)"),
    "too many mesh rows": ({"amplitudes": (42, 1)}, r"got 0 \+ 42; allowed: 2 or more within 41"),
    "one mesh row": ({"amplitudes": (1, 1)}, r"rows of the mesh; got 0 \+ 1"),
    "nine pulls": ({"pulls": (9, 7)}, "pulls has too many rows; got 9; allowed: at most 8"),
    "short solids": ({"solids": (2, 30)}, r"solids has the wrong shape; got \(2, 30\)"),
    "many solids": ({"solids": (129, 31)}, "solids has too many rows; got 129"),
    "many materials": ({"materials": (33, 11)}, "materials has too many rows; got 33"),
    "no materials": ({"materials": (0, 11), "solids": (1, 31)}, "material of a solid; got 0"),
    "a short light": ({"light": (14,)}, r"got \(14\); allowed: \(16\)"),
    "a long sensor": ({"sensor": (15,)}, "sensor has the wrong shape"),
    "many puffs": ({"puffs": (49, 5)}, "puffs has too many rows; got 49; allowed: at most 48"),
    "many drops": ({"drops": (25, 7)}, "drops has too many rows; got 25; allowed: at most 24"),
    "two stains": ({"stains": (4, 4, 2)}, "stains has the wrong shape"),
    "no stains": ({"stains": (0, 4, 3)}, r"stains; got \(0, 4, 3\); allowed: 1 x 1 cells or more"),
    "a turned depth": ({"depth": (64, 52)}, r"depth has the wrong shape; got \(64, 52\)"),
    "flow to nowhere": ({"flow": (52, 64, 2)}, "flow; got no next motion; allowed: next_pose"),
}
"""What is wrong: arrays of these shapes, and the message."""


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_call_is_refused_with_what_was_got(name: str) -> None:
    shapes, message = BAD[name]
    arrays = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    renderer = renderer_of((64, 52), PINHOLE, wall())
    with pytest.raises(ValueError, match=message):
        renderer.render(**{**call_of(41), **arrays})


def test_an_output_of_another_type_is_refused() -> None:
    renderer = renderer_of((64, 52), PINHOLE, wall())
    depth: Any = np.zeros((52, 64))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        renderer.render(**call_of(41), depth=depth)


@pytest.mark.parametrize(
    ("size", "backend", "message"),
    [
        ((7, 52), "cpu", "size; got 7 x 52; allowed: 8 to 8192 pixels a side"),
        ((64, 8193), "cpu", "size; got 64 x 8193"),
        ((64, 52), "avx512", "backend is unknown; got 'avx512'; allowed: cpu, baseline, cuda"),
    ],
)
def test_an_impossible_renderer_is_refused(
    size: tuple[int, int], backend: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _native.SceneRenderer(*size, lens_of((64, 52), PINHOLE), backend)


def test_a_mesh_whose_arrays_disagree_is_refused() -> None:
    renderer = _native.SceneRenderer(64, 52, lens_of((64, 52), PINHOLE))
    rest, modes = floats(wall()), np.zeros((5, 41, 41, 3), np.float32)
    front = np.zeros((41, 41), np.float32)
    with pytest.raises(ValueError, match=r"front has the wrong shape; got \(41, 40\)"):
        renderer.set_mesh(rest, rest, np.ascontiguousarray(front[:, 1:]), modes[:1], False, 1.0)
    with pytest.raises(ValueError, match="modes; got 5; allowed: at most 4"):
        renderer.set_mesh(rest, rest, front, modes, False, 1.0)
    with pytest.raises(ValueError, match="render; got no mesh or no textures"):
        renderer.render(**call_of(41))
