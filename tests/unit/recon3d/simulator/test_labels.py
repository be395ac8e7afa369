"""Every label format read back by a reader written from the format's public description."""

from __future__ import annotations

import json
import re
import struct
import tracemalloc
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.small_plan import CAMERA, HEIGHT, WIDTH, pose_at, render, small_plan, truth_at

from videoengine.errors import UsageError
from videoengine.recon3d.simulator.labels import (
    FORMATS,
    LabelWriter,
    arrays_of,
    write_plan_labels,
)
from videoengine.recon3d.simulator.pose_table import poses_of
from videoengine.recon3d.simulator.truth import SimulatedFrame

FPS = Fraction(5)
SHARED_LABELS = Path("cholect50/labels/VID70.json")
DEPTH_STEP_MM = 0.01
FLOW_STEP_PX = 1 / 64
HELD_BYTES = 300_000
"""For 360 s: the pose table keeps at most 256 bytes a second, the JSON of 1,800 frames is 3 MB."""
POSE_MM = 1e-6
"""Nine digits of a metre."""


@pytest.fixture(scope="module")
def frames() -> list[SimulatedFrame]:
    return [render(truth_at(small_plan(), number, float(FPS))) for number in range(120 * 5)]


@pytest.fixture(scope="module")
def labels(frames: list[SimulatedFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    with LabelWriter(folder, small_plan(), CAMERA, FPS) as writer:
        for frame in frames:
            writer.add(frame)
    return folder


def read_png(path: Path) -> NDArray[np.integer]:
    """Read an 8- or 16-bit gray or RGB PNG (ISO/IEC 15948): chunks, zlib, scanline filters."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed, kinds = 8, b"", []
    width = height = depth = color = 0
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        kinds.append(kind)
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    assert not {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"} & set(kinds)
    channels = {0: 1, 2: 3}[color]
    step = channels * depth // 8
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * step)
    rows = np.zeros((height + 1, width * step), np.uint8)
    for y in range(height):
        filter_type, line = raw[y, 0], raw[y, 1:].copy()
        assert filter_type in (0, 1, 2), "a filter that this reader does not know"
        if filter_type == 2:
            line += rows[y]
        elif filter_type == 1:
            line = np.cumsum(line.reshape(width, step), axis=0, dtype=np.uint8).ravel()
        rows[y + 1] = line
    values = rows[1:].view(">u2" if depth == 16 else "u1").reshape(height, width, channels)
    return values[..., 0] if channels == 1 else values


def test_cholec80_has_a_phase_for_every_frame(labels: Path, frames: list[SimulatedFrame]) -> None:
    lines = (labels / "cholec80/video-phase.txt").read_text().splitlines()
    assert lines[0] == "Frame\tPhase"
    rows = [line.split("\t") for line in lines[1:]]
    assert [int(number) for number, _ in rows] == list(range(len(frames)))
    assert [phase for _, phase in rows] == [frame.truth.phase.name for frame in frames]


def test_cholec80_has_the_tools_of_the_first_frame_of_each_second(
    labels: Path, frames: list[SimulatedFrame]
) -> None:
    lines = (labels / "cholec80/video-tool.txt").read_text().splitlines()
    header = "Frame\tGrasper\tBipolar\tHook\tScissors\tClipper\tIrrigator\tSpecimenBag"
    assert lines[0] == header
    rows = [[int(value) for value in line.split("\t")] for line in lines[1:]]
    assert [row[0] for row in rows] == list(range(0, len(frames), 5))
    for row in rows:
        truth = frames[row[0]].truth
        seen = {tool.label.name for tool in truth.tools}
        names = [name.lower() for name in header.split("\t")[1:]]
        assert {name for name, flag in zip(names, row[1:], strict=True) if flag} == (
            seen | ({"specimenbag"} if truth.bag_visible else set())
        )


def test_cholect50_rows_are_those_of_the_loader(labels: Path, frames: list[SimulatedFrame]) -> None:
    video = json.loads((labels / "cholect50/video.json").read_text())
    assert video["fps"] == 1
    assert video["num_frames"] == len(video["annotations"]) == 120
    names = video["categories"]
    for second in range(120):
        truth = frames[second * 5].truth
        rows = video["annotations"][str(second)]
        assert all(len(row) == 15 for row in rows)
        assert {row[14] for row in rows} == {truth.phase.id}
        if not truth.tools:
            assert rows[0][:2] == [-1, -1]
        for row, tool in zip(rows, truth.tools, strict=False):
            triplet = f"{tool.label.name},{tool.verb.name},{tool.target.name}"
            assert names["triplet"].get(str(row[0]), triplet) == triplet
            assert names["instrument"][str(row[1])] == tool.label.name
            assert row[3:7] == pytest.approx(tool.box, abs=1e-6)
            assert names["verb"][str(row[7])] == tool.verb.name
            assert names["target"][str(row[8])] == tool.target.name
            assert row[10:14] == [-1.0] * 4


@pytest.mark.shared
def test_cholect50_is_laid_out_as_the_published_files(labels: Path, shared: Path) -> None:
    ours = json.loads((labels / "cholect50/video.json").read_text())
    theirs = json.loads((shared / SHARED_LABELS).read_text())
    assert set(ours) == set(theirs)
    assert ours["categories"] == theirs["categories"]
    our_row = next(r for rows in ours["annotations"].values() for r in rows if r[0] >= 0)
    their_row = next(r for rows in theirs["annotations"].values() for r in rows)
    assert [type(value) for value in our_row] == [type(value) for value in their_row]


def test_poses_read_as_tum_text_in_metres(labels: Path, frames: list[SimulatedFrame]) -> None:
    lines = (labels / "trajectory.txt").read_text().splitlines()
    rows = np.array([line.split() for line in lines if not line.startswith("#")], float)
    assert rows.shape == (len(frames), 8)
    assert rows[:, 0] == pytest.approx(np.arange(len(frames)) / 5)
    for row, frame in zip(rows, frames, strict=True):
        pose = frame.truth.world_from_camera
        assert row[1:4] * 1000 == pytest.approx(pose[:3, 3], abs=POSE_MM)
        assert rotation(*row[4:]) == pytest.approx(pose[:3, :3], abs=1e-7)


def rotation(x: float, y: float, z: float, w: float) -> NDArray[np.float64]:
    """Return the matrix of a unit quaternion, by its textbook formula."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_depth_pictures_and_their_unit_give_the_depth_back(
    labels: Path, frames: list[SimulatedFrame]
) -> None:
    unit = json.loads((labels / "depth/depth.json").read_text())
    assert unit == {"unit": "mm", "mm_per_step": DEPTH_STEP_MM, "none": 0, "along": "z"}
    assert len(list((labels / "depth").glob("*.png"))) == len(frames)
    for number in (0, 7, 599):
        depth_mm = read_png(labels / f"depth/{number:06d}.png") * unit["mm_per_step"]
        truth_mm = frames[number].arrays["depth"]
        assert np.abs(depth_mm - truth_mm).max() <= DEPTH_STEP_MM * 0.51
        assert (depth_mm[truth_mm == 0] == 0).all()


def test_flow_reads_as_kitti(labels: Path, frames: list[SimulatedFrame]) -> None:
    for number in (0, 7):
        picture = read_png(labels / f"flow/{number:06d}.png").astype(np.float64)
        flow = (picture[..., :2] - 2**15) / 64
        valid = picture[..., 2] == 1
        truth = frames[number].arrays["flow"]
        assert not valid[3, 3]
        assert valid.sum() == valid.size - 1
        assert np.abs(flow - truth)[valid].max() <= FLOW_STEP_PX * 0.51


def test_flow_longer_than_the_format_reaches_is_not_valid(tmp_path: Path) -> None:
    frame = render(truth_at(small_plan(), 30, 1.0))
    frame.arrays["flow"][5, 5] = (600, 0)
    with LabelWriter(tmp_path, small_plan(), CAMERA, 1, formats=["flow"]) as writer:
        writer.add(frame)
    assert read_png(tmp_path / "flow/000030.png")[5, 5].tolist() == [0, 0, 0]


def test_a_frame_after_which_nothing_follows_has_no_flow(tmp_path: Path) -> None:
    frame = render(truth_at(small_plan(), 119, 1.0))
    frame.arrays["flow"][:] = np.nan
    with LabelWriter(tmp_path, small_plan(), CAMERA, 1, formats=["flow"]) as writer:
        writer.add(frame)
    assert not list((tmp_path / "flow").iterdir())


def test_endonerf_poses_read_as_llff(labels: Path, frames: list[SimulatedFrame]) -> None:
    rows = np.load(labels / "endonerf/poses_bounds.npy")
    assert rows.shape == (len(frames), 17)
    assert rows.dtype == np.float64
    scale = json.loads((labels / "endonerf/depth.json").read_text())["mm_per_step"]
    for number in (0, 100, 599):
        matrix = rows[number, :15].reshape(3, 5)
        down, right, backward, center = matrix[:, :4].T
        pose = np.column_stack([right, down, -backward])  # to x right, y down, z forward
        assert pose == pytest.approx(pose_at(number / 5)[:3, :3])
        assert center * scale == pytest.approx(pose_at(number / 5)[:3, 3])
        assert matrix[:, 4].tolist() == [HEIGHT, WIDTH, CAMERA.fx]
        depth = frames[number].arrays["depth"]
        there = depth[depth > 0]
        limits = [there.min(), there.max()]
        assert rows[number, 15:] * scale == pytest.approx(limits, abs=DEPTH_STEP_MM)


def test_endonerf_folders_have_one_picture_a_frame(
    labels: Path, frames: list[SimulatedFrame]
) -> None:
    names = [
        sorted(path.name for path in (labels / "endonerf" / folder).glob("*.png"))
        for folder in ("images", "depth", "masks")
    ]
    assert names[0] == names[1] == names[2]
    assert len(names[0]) == len(frames)
    frame = frames[100]
    mask = read_png(labels / "endonerf/masks/000100.png")
    assert np.array_equal(mask == 255, frame.arrays["mask/track"] > 0)
    assert set(np.unique(mask).tolist()) == {0, 255}
    assert np.array_equal(read_png(labels / "endonerf/images/000100.png"), frame.rgb)


def test_coco_masks_decode_to_the_tracks(labels: Path, frames: list[SimulatedFrame]) -> None:
    coco = json.loads((labels / "coco/instances.json").read_text())
    images = {image["id"]: image for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert len(images) == len(frames)
    assert len({row["id"] for row in coco["annotations"]}) == len(coco["annotations"])
    assert len(coco["annotations"]) == sum(len(frame.truth.tools) for frame in frames)
    for row in coco["annotations"]:
        frame = frames[row["image_id"]]
        height, width = row["segmentation"]["size"]
        counts = row["segmentation"]["counts"]
        flat = np.repeat(np.arange(len(counts)) % 2, counts)  # runs of 0, 1, 0, 1, …
        mask = flat.reshape(width, height).T  # down the columns
        assert np.array_equal(mask, frame.arrays["mask/track"] == row["track_id"] + 1)
        assert row["area"] == mask.sum()
        ys, xs = np.nonzero(mask)
        box = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert row["bbox"] == pytest.approx(box)
        tool = next(t for t in frame.truth.tools if t.track == row["track_id"])
        assert names[row["category_id"]] == tool.label.name


def test_a_mask_that_begins_with_the_instrument_has_an_empty_first_run(tmp_path: Path) -> None:
    frame = render(truth_at(small_plan(), 20, 1.0))
    frame.arrays["mask/track"][:] = frame.truth.tools[0].track + 1
    with LabelWriter(tmp_path, small_plan(), CAMERA, 1, formats=["coco-instances"]) as writer:
        writer.add(frame)
    rows = json.loads((tmp_path / "coco/instances.json").read_text())["annotations"]
    assert [row["segmentation"]["counts"] for row in rows] == [[0, WIDTH * HEIGHT]]


def test_coco_keypoints_follow_the_categories(labels: Path, frames: list[SimulatedFrame]) -> None:
    coco = json.loads((labels / "coco/keypoints.json").read_text())
    category = coco["categories"][0]
    assert category["keypoints"] == ["entry", "shaft", "wrist", "jaw_left", "jaw_right"]
    assert category["skeleton"] == [[1, 2], [2, 3], [3, 4], [3, 5]]
    for row in coco["annotations"]:
        tool = next(t for t in frames[row["image_id"]].truth.tools if t.track == row["track_id"])
        triples = np.array(row["keypoints"]).reshape(5, 3)
        assert row["num_keypoints"] == (triples[:, 2] > 0).sum()
        for point, triple in zip(tool.keypoints, triples, strict=True):
            expected = [point.x, point.y, point.visibility] if point.visibility else [0, 0, 0]
            assert triple == pytest.approx(expected, abs=0.005)
        assert row["world_from_tool"] == pytest.approx(tool.world_from_tool, abs=1e-6)


def test_tracks_read_as_motchallenge(labels: Path, frames: list[SimulatedFrame]) -> None:
    rows = np.loadtxt(labels / "tracks/gt.txt", delimiter=",")
    assert rows.shape == (sum(len(frame.truth.tools) for frame in frames), 9)
    for number, track, left, top, width, height, considered, kind, _ in rows:
        tools = {tool.track + 1: tool for tool in frames[int(number) - 1].truth.tools}
        tool = tools[int(track)]
        assert tool.box is not None
        box = np.array([left - 1, top - 1, width, height]) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
        assert box == pytest.approx(tool.box, abs=1e-3)
        assert (considered, kind) == (1, tool.label.id + 1)


def test_plan_states_what_was_decided_as_intervals(labels: Path) -> None:
    plan = json.loads((labels / "plan.json").read_text())
    assert [row["label"]["name"] for row in plan["phases"]][:2] == [
        "Preparation",
        "CalotTriangleDissection",
    ]
    grasper = [row for row in plan["visits"] if row["track"] == 0]
    seen_s = [(row["start_ns"] / 1e9, row["end_ns"] / 1e9) for row in grasper]
    assert seen_s == [(4, 54)]  # out of the body from 54 s on
    hook = [row for row in plan["visits"] if row["track"] == 2]
    assert [row["start_ns"] / 1e9 for row in hook] == [44, 62]
    assert {row["kind"] for row in plan["incidents"]} == {"bleeding", "clip"}
    assert [row["kind"] for row in plan["outside"]] == ["trocar", "cleaning"]


def test_a_piece_has_times_of_its_own(tmp_path: Path) -> None:
    write_plan_labels(
        tmp_path, small_plan(), None, fps=5, start_ns=40_000_000_000, end_ns=90_000_000_000
    )
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["duration_ns"] == 50_000_000_000
    spans = [(row["start_ns"] / 1e9, row["end_ns"] / 1e9) for row in plan["phases"]]
    assert spans == [(0, 30), (30, 50)]
    hook = [row for row in plan["visits"] if row["label"]["name"] == "hook"]
    assert [row["start_ns"] / 1e9 for row in hook] == [4, 22]
    phases = (tmp_path / "cholec80/video-phase.txt").read_text().splitlines()
    assert len(phases) == 1 + 250


@pytest.mark.parametrize("start_s", [0, 40])
@pytest.mark.parametrize("fps", [Fraction(5), Fraction(30000, 1001), Fraction(1)])
def test_labels_without_pixels_are_those_of_frames_without_pixels(
    tmp_path: Path, start_s: int, fps: Fraction
) -> None:
    plan, start_ns = small_plan(), start_s * 10**9
    count = -(-(120 - start_s) * fps.numerator // fps.denominator)
    (tmp_path / "frames").mkdir()
    with LabelWriter(tmp_path / "frames", plan, CAMERA, fps, start_ns=start_ns) as writer:
        for number in range(count):
            writer.add(truth_at(plan, number, float(fps), start_s))
    poses = poses_of((truth_at(plan, n, 1, start_s) for n in range(120 - start_s)), CAMERA)
    write_plan_labels(tmp_path / "plan", plan, poses, fps=fps, start_ns=start_ns)
    same = ["cholec80/video-phase.txt", "cholec80/video-tool.txt", "plan.json"]
    same += ["questions.jsonl"] if fps.denominator == 1 else []
    same += ["trajectory.txt"] if fps == 1 else []
    for name in same:
        ours, theirs = (tmp_path / side / name for side in ("plan", "frames"))
        assert ours.read_text() == theirs.read_text(), name
    ours, theirs = (
        json.loads((tmp_path / side / "cholect50/video.json").read_text())
        for side in ("plan", "frames")
    )
    assert ours == theirs


def test_no_label_file_names_a_date_a_path_or_a_version(labels: Path) -> None:
    assert sorted(path.name for path in labels.iterdir()) == [
        "camera.json",
        "cholec80",
        "cholect50",
        "coco",
        "depth",
        "endonerf",
        "flow",
        "plan.json",
        "questions.jsonl",
        "tracks",
        "trajectory.txt",
    ]
    for path in labels.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".txt"):
            text = path.read_text()
            assert not re.search(r"20[0-9]{2}-[0-9]{2}|version|date_c|/tmp|/work", text), path


def test_a_format_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'cholec80'") as refused:
        LabelWriter(tmp_path / "out", small_plan(), CAMERA, 25, formats=["cholec8"])
    assert refused.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_the_arrays_of_a_format_are_known_before_a_frame_is_rendered() -> None:
    assert arrays_of(["cholec80", "depth", "endonerf"]) == {"depth", "mask/tool"}
    assert arrays_of(FORMATS) == {"depth", "mask/tool", "mask/track", "flow"}


@pytest.mark.slow
def test_writers_hold_no_more_after_many_frames(
    tmp_path: Path, frames: list[SimulatedFrame]
) -> None:
    formats = ["cholec80", "cholect50", "poses", "coco-instances", "coco-keypoints", "tracks"]
    with LabelWriter(tmp_path, small_plan(), CAMERA, FPS, formats=formats) as writer:
        tracemalloc.start()
        try:
            held = []
            for repeat in range(4):
                for number, frame in enumerate(frames, start=repeat * len(frames)):
                    truth = replace(frame.truth, number=number)
                    writer.add(replace(frame, truth=truth))
                held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert held[-1] - held[0] < HELD_BYTES
