"""Rendered procedures: geometry that agrees with itself, labels that agree with the picture, and
frames that do not depend on the way to them.

Geometry is tested on the real anatomies under a texture of a few texels: its albedo changes so
slowly that bilinear interpolation between pixels is exact to well below the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from support.plain_anatomy import Patients
from support.stretches import begun

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.recon3d.simulator import cavity, simulation, tube
from videoengine.recon3d.simulator.optics import BASELINE_MM
from videoengine.recon3d.simulator.patient import make_anatomy
from videoengine.recon3d.simulator.plan import (
    TICKS_PER_SECOND,
    Incident,
    IncidentKind,
    Outside,
    Site,
)
from videoengine.recon3d.simulator.scenery import intrinsics_of
from videoengine.recon3d.simulator.simulation import ARRAYS, Simulation
from videoengine.recon3d.simulator.state import History, State
from videoengine.recon3d.simulator.truth import SimulatedFrame
from videoengine.recon3d.simulator.vectors import inverse
from videoengine.recon3d.simulator.world import World

Array = NDArray[Any]
SIZE: Final = (64, 52)
PROCEDURES: Final = ("cholecystectomy", "colonoscopy")
TOLERANCES: Final = {
    "warp": 1e-3,  # of albedo; issue 4. Bilinear interpolation alone misses by up to 6e-4
    "flat face": 2e-4,  # mm; float32 positions of some hundred mm
    "ray": 0.01,  # mm; float32 weights in triangles that are seen edge-on
    "curved wall": 0.1,  # mm, 90 % of pixels; triangles of 0.5 to 0.8 mm cut across the relief
    "flow": 2e-4,  # pixels; the same positions, seen from nearby
    "disparity": 0.05,  # pixels, median; material coordinates interpolated between 160 × 128 pixels
}


def incident(kind: IncidentKind, start: int, end: int, target: str = "gallbladder") -> Incident:
    return Incident(kind, start, end, Site(target, 0.4, 0.5), 0.9)


TROUBLE: Final = (
    incident("coagulation", 4, 16),
    incident("bleeding", 6, 30),
    incident("lens_soiled", 9, 10),
    incident("irrigation", 22, 32),
    incident("suction", 28, 40),
    incident("clip", 12, 13),
    incident("lens_wiped", 34, 35),
)
"""Everything that leaves a trace, within 40 ticks."""


class Unlit(World):
    """A world of which the linear light is the albedo."""

    def _sensor(self, state: State) -> NDArray[np.float32]:
        row = super()._sensor(state)
        row[12] = 1.0
        return row


@pytest.fixture(scope="module", autouse=True)
def _anatomies() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "make_anatomy", Patients())
        yield


@pytest.fixture
def _close_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "EVERY", 20)


def at(tick: int) -> Fraction:
    return Fraction(tick, TICKS_PER_SECOND)


def shown(source: Simulation, tick: int, *arrays: str) -> SimulatedFrame:
    return source.frame(at(tick), number=tick, arrays=arrays, next_time_s=at(tick + 1))


def rays_of(source: Simulation) -> Array:
    """Return the rays (H, W, 3), z = 1, of the pixels."""
    width, height = source.camera.size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    out = np.empty((len(pixels), 3))
    _native.camera_rays(intrinsics_of(source.camera).astype(np.float64), pixels, out)
    return out.reshape(height, width, 3)


def projected(source: Simulation, points: Array) -> Array:
    """Return the pixels (N, 2) of points (N, 3) in camera coordinates."""
    out = np.empty((len(points), 2))
    lens = intrinsics_of(source.camera).astype(np.float64)
    _native.camera_project(lens, np.ascontiguousarray(points, np.float64), out)
    return out


def carried(pose: Array, points: Array) -> Array:
    return points @ pose[:3, :3].T + pose[:3, 3]


def on_faces(anatomy: Any, u: Array, v: Array, seconds: float) -> Array:
    """Return world points (N, 3): the anatomy's at the corners of its triangles, flat between."""
    grid = anatomy.grid()
    rows, columns = grid.front.shape
    across = columns if grid.wraps else columns - 1
    x, y = u * across, v * (rows - 1)
    i, j = np.minimum(np.floor(x), across - 1), np.minimum(np.floor(y), rows - 2)
    fx, fy = (x - i)[:, None], (y - j)[:, None]

    def corner(di: int, dj: int) -> Array:
        return anatomy.point((i + di) / across, (j + dj) / (rows - 1), seconds)

    a, b, c, d = corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)
    upper = a + fx * (b - a) + fy * (c - a)
    lower = d + (1 - fx) * (c - d) + (1 - fy) * (b - d)
    return np.where(fx + fy <= 1, upper, lower)


def sampled(picture: Array, pixels: Array) -> tuple[Array, Array]:
    """Return bilinear samples (N, C), and the four pixels (N, 4, C) they come from."""
    height, width = picture.shape[:2]
    x0 = np.clip(np.floor(pixels[:, 0]).astype(int), 0, width - 2)
    y0 = np.clip(np.floor(pixels[:, 1]).astype(int), 0, height - 2)
    fx, fy = pixels[:, 0] - x0, pixels[:, 1] - y0
    four = np.stack(
        [picture[y0, x0], picture[y0, x0 + 1], picture[y0 + 1, x0], picture[y0 + 1, x0 + 1]], axis=1
    ).astype(np.float64)
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=1)
    return np.einsum("nk,nk...->n...", weights, four), four


def within(pixels: Array, size: tuple[int, int]) -> Array:
    width, height = size
    x, y = pixels[:, 0], pixels[:, 1]
    return (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)


def quiet(procedure: str, size: tuple[int, int] = SIZE, **options: Any) -> Simulation:
    """Return a procedure in which tissue only breathes, beats and is swept by waves."""
    return Simulation(begun(procedure, 60, visits=()), size=size, **options)


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_depth_is_the_distance_of_the_anatomy(procedure: str) -> None:
    source = quiet(procedure)
    anatomy = simulation.make_anatomy(source.plan)
    for tick in (0, 9):
        frame = shown(source, tick, "depth", "material")
        u, v = frame.arrays["material"].reshape(-1, 2).astype(np.float64).T
        seen = u >= 0
        assert seen.mean() > 0.8
        z = frame.arrays["depth"].ravel()[seen]
        into_camera = inverse(frame.truth.world_from_camera)
        seconds = float(at(tick))
        flat = carried(into_camera, on_faces(anatomy, u[seen], v[seen], seconds))
        curved = carried(into_camera, anatomy.point(u[seen], v[seen], seconds))
        assert np.abs(flat[:, 2] - z).max() < TOLERANCES["flat face"]
        assert np.quantile(np.abs(curved[:, 2] - z), 0.9) < TOLERANCES["curved wall"]
        # and they lie on the rays of their pixels
        ray = rays_of(source).reshape(-1, 3)[seen]
        assert np.abs(ray * z[:, None] - flat).max() < TOLERANCES["ray"]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_flow_leads_to_where_the_same_tissue_is_next(procedure: str) -> None:
    source = quiet(procedure)
    anatomy = simulation.make_anatomy(source.plan)
    for tick in (3, 30):
        frame = shown(source, tick, "flow", "material")
        pose = source.truth(at(tick + 1), number=tick + 1).world_from_camera
        u, v = frame.arrays["material"].reshape(-1, 2).astype(np.float64).T
        seen = u >= 0
        then = carried(inverse(pose), on_faces(anatomy, u[seen], v[seen], float(at(tick + 1))))
        x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
        start = np.stack([x, y], axis=-1).reshape(-1, 2)[seen]
        wanted = projected(source, then) - start
        near = then[:, 2] > 3.0
        error = np.abs(frame.arrays["flow"].reshape(-1, 2)[seen] - wanted)[near]
        assert error.max() < TOLERANCES["flow"]
        assert np.abs(wanted).max() > 100 * TOLERANCES["flow"]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_warping_by_depth_and_flow_reproduces_a_lambertian_scene(procedure: str) -> None:
    size = (128, 104)
    source = quiet(procedure, size)
    plain = Unlit(
        source.plan,
        simulation.make_anatomy(source.plan),
        source._optics,  # pyright: ignore[reportPrivateUsage]
        view="mono",
        backend="cpu",
    )
    source.__dict__["_world"] = plain
    first = shown(source, 20, "linear", "flow", "material")
    second = shown(source, 21, "linear", "material")
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    start = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    end = start + first.arrays["flow"].reshape(-1, 2)
    here = first.arrays["material"].reshape(-1, 2)
    kept = within(end, size) & (here[:, 0] >= 0)
    # forward and backward: what lies there is the same tissue, and no edge runs between its pixels
    there, four = sampled(second.arrays["material"], end)
    kept &= np.ptp(four, axis=1).max(axis=-1) < 0.015
    kept &= np.abs(there - here).max(axis=-1) < 0.001
    assert kept.mean() > 0.7
    wanted = first.arrays["linear"].reshape(-1, 3)[kept]
    got, _ = sampled(second.arrays["linear"], end[kept])
    assert np.ptp(wanted) > 0.03  # there is something to see
    assert np.abs(got - wanted).max() < TOLERANCES["warp"]


@pytest.mark.parametrize("tick", [0, 25])
def test_stereo_disparity_is_focal_length_times_baseline_over_depth(tick: int) -> None:
    size = (160, 128)
    left, right = (quiet("cholecystectomy", size, view=view) for view in ("left", "right"))
    one, other = (shown(eye, tick, "depth", "material") for eye in (left, right))
    z = one.arrays["depth"].reshape(-1).astype(np.float64)
    # in the undistorted picture: x moves by f B / z
    point = rays_of(left).reshape(-1, 3) * z[:, None]
    undistorted = point[:, :2] / z[:, None]
    undistorted[:, 0] -= BASELINE_MM / z
    end = projected(right, np.concatenate([undistorted, np.ones((len(z), 1))], axis=1))
    here = one.arrays["material"].reshape(-1, 2)
    kept = within(end, size) & (here[:, 0] >= 0)
    there, four = sampled(other.arrays["material"], end)
    kept &= np.ptp(four, axis=1).max(axis=-1) < 0.03
    assert kept.mean() > 0.6
    # from coordinates to pixels, by how fast they change along a row
    change = np.abs(four[:, 1] - four[:, 0])[:, 0][kept]
    error = np.abs(there - here)[kept, 0] / np.maximum(change, 1e-4)
    assert np.median(error) < TOLERANCES["disparity"]
    assert np.mean(error < 1.0) > 0.97  # the rest is hidden from the other eye
    assert BASELINE_MM * left.camera.fx / np.median(z) > 2.0


@pytest.fixture(scope="module")
def operated(_anatomies: None) -> list[SimulatedFrame]:
    """Frames with instruments in them, and everything that is known of them."""
    source = Simulation(begun("cholecystectomy", 260), size=(128, 104))
    return [shown(source, tick, *ARRAYS) for tick in range(40, 260, 12)]


def test_tips_of_instruments_lie_on_their_masks(operated: list[SimulatedFrame]) -> None:
    near: list[bool] = []
    for frame in operated:
        for tool in frame.truth.tools:
            rows, columns = np.nonzero(frame.arrays["mask/track"] == tool.track % 255 + 1)
            for point in tool.keypoints:
                if point.name.startswith("jaw") and point.visibility == 2:
                    away = np.hypot(columns - point.x, rows - point.y)
                    near.append(len(away) > 0 and float(away.min()) <= 2.0)
    assert len(near) > 20
    assert np.mean(near) >= 0.95


def test_boxes_are_drawn_around_masks(operated: list[SimulatedFrame]) -> None:
    boxes = 0
    for frame in operated:
        height, width = frame.arrays["mask/track"].shape
        for tool in frame.truth.tools:
            rows, columns = np.nonzero(frame.arrays["mask/track"] == tool.track % 255 + 1)
            if tool.box is None:
                assert len(rows) == 0
                continue
            x, y, w, h = tool.box
            assert round(x * width) == columns.min()
            assert round(y * height) == rows.min()
            assert round((x + w) * width) == columns.max() + 1
            assert round((y + h) * height) == rows.max() + 1
            boxes += 1
    assert boxes > 10


def test_masks_agree_with_each_other(operated: list[SimulatedFrame]) -> None:
    for frame in operated:
        masks = frame.arrays
        tool = masks["mask/tool"] == 255
        np.testing.assert_array_equal(masks["mask/instrument"] > 0, tool)
        np.testing.assert_array_equal(masks["mask/part"] > 0, tool)
        assert masks["mask/part"].max() <= 3
        assert not masks["region"][tool].any()
        assert set(np.unique(masks["mask/track"])) - {0} <= {
            t.track % 255 + 1 for t in frame.truth.tools
        }
        by_track = {t.track % 255 + 1: t.label.id + 1 for t in frame.truth.tools}
        for track in set(np.unique(masks["mask/track"])) - {0}:
            of_track = masks["mask/track"] == track
            assert (masks["mask/instrument"][of_track] == by_track[int(track)]).all()


def test_a_frame_out_of_the_body_has_no_labels() -> None:
    spans = (Outside("theatre", 0, 3), Outside("cleaning", 3, 6), Outside("trocar", 6, 9))
    source = Simulation(begun("cholecystectomy", 12, outside=spans), size=SIZE)
    for tick in (1, 4):
        frame = shown(source, tick, *ARRAYS)
        assert not frame.truth.inside
        assert not frame.truth.tools
        for name in ("mask/tool", "mask/part", "mask/track", "mask/instrument", "region"):
            assert not frame.arrays[name].any()
        assert len(np.unique(frame.rgb)) > 20


def test_flow_to_nowhere_is_not_a_number() -> None:
    source = quiet("cholecystectomy")
    frame = source.frame(at(2), number=2, arrays=("flow",))
    assert np.isnan(frame.arrays["flow"]).all()


def bytes_of(frame: SimulatedFrame) -> dict[str, bytes]:
    return {"rgb": frame.rgb.tobytes()} | {k: v.tobytes() for k, v in frame.arrays.items()}


@pytest.mark.usefixtures("_close_checkpoints")
def test_a_frame_alone_equals_the_frame_in_order() -> None:
    plan = begun("cholecystectomy", 60, incidents=TROUBLE)
    in_order = Simulation(plan, size=SIZE)
    wanted = {t: bytes_of(shown(in_order, t, "depth", "flow", "linear")) for t in range(58)}
    assert len({w["rgb"] for w in wanted.values()}) == 58
    for tick in (7, 20, 41):  # before, on and after a checkpoint
        alone = Simulation(plan, size=SIZE)
        assert bytes_of(shown(alone, tick, "depth", "flow", "linear")) == wanted[tick]
    back = Simulation(plan, size=SIZE)
    for tick in (57, 9, 20, 21, 19, 50, 50, 0, 33):
        assert bytes_of(shown(back, tick, "depth", "flow", "linear")) == wanted[tick]


def test_frames_between_ticks_do_not_advance_the_state() -> None:
    plan = begun("cholecystectomy", 30, incidents=TROUBLE)
    fast, slow = Simulation(plan, size=SIZE), Simulation(plan, size=SIZE)
    for k in range(4 * 20):
        fast.frame(Fraction(k, 4 * TICKS_PER_SECOND), number=k)
    assert bytes_of(shown(fast, 20)) == bytes_of(shown(slow, 20))


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_instruction_set_gives_the_same_frame(procedure: str) -> None:
    plan = begun(procedure, 40, incidents=TROUBLE if procedure == "cholecystectomy" else ())
    best, plain = (Simulation(plan, size=SIZE, backend=b) for b in ("cpu", "baseline"))
    names = [name for name in ARRAYS if name != "linear"]
    assert bytes_of(shown(best, 14, *names)) == bytes_of(shown(plain, 14, *names))


def test_another_seed_gives_another_picture() -> None:
    first, second = (
        Simulation(begun("cholecystectomy", 10, seed=seed), size=SIZE) for seed in (7, 8)
    )
    assert np.mean(shown(first, 4).rgb != shown(second, 4).rgb) > 0.5


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_the_real_paint_shows_regions_of_the_vocabulary(
    procedure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, side in (
        (cavity, "TEXELS", 160),
        (tube, "TEXEL_ROWS", 500),
        (tube, "TEXEL_COLUMNS", 64),
    ):
        monkeypatch.setattr(module, name, side)
    plan = begun(procedure, 20)
    paint = make_anatomy(plan).paint()
    monkeypatch.setattr(simulation.make_anatomy(plan), "paint", lambda: paint)
    frame = shown(Simulation(plan, size=SIZE), 6, "region", "mask/tool")
    region = frame.arrays["region"]
    assert (region[frame.arrays["mask/tool"] == 0] > 0).mean() > 0.9
    assert set(np.unique(region)) - {0} <= set(np.unique(paint.region))
    red, green, blue = frame.rgb.reshape(-1, 3).astype(float).mean(axis=0)
    assert red > green > 0.5 * blue  # it looks like the inside of a body


def test_an_unknown_array_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no such array[\s\S]*mask/tools[\s\S]*mask/tool"):
        quiet("cholecystectomy").frame(Fraction(0), number=0, arrays=("mask/tools",))


@pytest.mark.parametrize("time_s", [Fraction(-1, 1000), Fraction(60, 25), Fraction(10**6)])
def test_a_moment_outside_of_the_procedure_is_refused(time_s: Fraction) -> None:
    with pytest.raises(UsageError, match=r"no such moment[\s\S]*0 to 2.40 s"):
        quiet("cholecystectomy").frame(time_s, number=0)
