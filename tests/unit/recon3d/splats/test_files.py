"""Scenes on the disk: both formats, read back, by their bytes, and what is hostile."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
import numpy as np
from torch import Tensor

from videoengine import durable
from videoengine.errors import OutputError, SourceError, UsageError
from videoengine.recon3d.splats import Gaussians, read_gaussians, write_gaussians

pytestmark = pytest.mark.torch

TOLERANCES: Final = {
    "byte of color": 0.5 / 255 + 1e-6,  # half a step, and float32
    "byte of a quaternion": 0.5 / 128 + 0.5 / 128,  # half a step; +1 is stored as 127/128
    "float32": 1e-6,
}


def made(count: int, degree: int = 0, seed: int = 1) -> Gaussians:
    draws = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draws)

    harmonics = normal(count, (degree + 1) ** 2, 3) * 0.4
    return Gaussians(
        normal(count, 3), normal(count, 4), normal(count, 3) - 3, 2 * normal(count), harmonics
    )


@pytest.mark.parametrize("degree", range(4))
def test_a_ply_comes_back_to_the_bit(tmp_path: Path, degree: int) -> None:
    scene, path = made(57, degree), tmp_path / "scene.ply"
    write_gaussians(scene, path)
    back = read_gaussians(path)
    for wanted, found in zip(scene.tensors, back.tensors, strict=True):
        assert torch.equal(wanted, found)


def test_a_ply_has_the_layout_of_the_field(tmp_path: Path) -> None:
    scene, path = made(3, degree=1), tmp_path / "scene.ply"
    write_gaussians(scene, path)
    head, body = path.read_bytes().split(b"end_header\n", 1)
    names = [line.split()[-1] for line in head.decode().splitlines() if line.startswith("property")]
    assert names[:9] == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    assert names[9:18] == [f"f_rest_{i}" for i in range(9)]
    assert names[18:22] == ["opacity", "scale_0", "scale_1", "scale_2"]
    assert names[22:] == ["rot_0", "rot_1", "rot_2", "rot_3"]
    row = dict(zip(names, struct.unpack_from("<26f", body, 26 * 4), strict=True))
    assert row["y"] == float(scene.means[1, 1])
    assert row["f_rest_4"] == float(scene.harmonics[1, 2, 1])  # green, the second above degree 0
    assert row["opacity"] == float(scene.logits[1])
    assert row["scale_2"] == float(scene.log_scales[1, 2])
    assert row["rot_0"] == float(scene.quaternions[1, 0])


def test_properties_may_stand_in_any_order_and_width(tmp_path: Path) -> None:
    names = ["opacity", "rot_3", "rot_2", "rot_1", "rot_0", "scale_0", "scale_1", "scale_2"]
    names += ["f_dc_2", "f_dc_1", "f_dc_0", "z", "y", "x", "id"]
    lines = ["ply", "format binary_little_endian 1.0", "comment made by hand", "element vertex 1"]
    lines += [f"property double {name}" for name in names[:-1]] + [
        "property uchar id",
        "end_header",
    ]
    path = tmp_path / "scene.ply"
    body = struct.pack("<14dB", *range(14), 200)
    path.write_bytes("\r\n".join([*lines, ""]).encode() + body)
    scene = read_gaussians(path)
    assert scene.means.tolist() == [[13.0, 12.0, 11.0]]
    assert scene.quaternions.tolist() == [[4.0, 3.0, 2.0, 1.0]]
    assert scene.harmonics.tolist() == [[[10.0, 9.0, 8.0]]]


def test_a_splat_comes_back_within_its_steps_the_largest_first(tmp_path: Path) -> None:
    scene, path = made(200, degree=2), tmp_path / "scene.splat"
    write_gaussians(scene, path)
    assert path.stat().st_size == 200 * 32
    back = read_gaussians(path)
    size = scene.log_scales.sum(1).exp() * torch.sigmoid(scene.logits)
    order = torch.argsort(size, descending=True, stable=True)
    assert torch.equal(back.means, scene.means[order])
    close = torch.testing.assert_close
    single = TOLERANCES["float32"]
    close(back.log_scales, scene.log_scales[order], rtol=single, atol=single)
    byte = TOLERANCES["byte of color"]
    opacity = torch.sigmoid(scene.logits[order])
    close(torch.sigmoid(back.logits), opacity, rtol=0, atol=byte)
    color = (0.5 + 0.28209479177387814 * scene.harmonics[order, 0]).clamp(0, 1)
    close(0.5 + 0.28209479177387814 * back.harmonics[:, 0], color, rtol=0, atol=byte)
    turns = scene.quaternions[order] / scene.quaternions[order].norm(dim=1, keepdim=True)
    close(back.quaternions, turns, rtol=0, atol=TOLERANCES["byte of a quaternion"])


def test_a_splat_has_the_bytes_of_its_viewers(tmp_path: Path) -> None:
    one = torch.ones(1, 3)
    turn = torch.tensor([[0.0, 2.0, 0.0, -2.0]])
    scene = Gaussians.of(one * 2, turn, one * 0.5, torch.tensor([0.6]), torch.tensor([[0, 0.2, 1]]))
    path = tmp_path / "scene.splat"
    write_gaussians(scene, path)
    found = struct.unpack("<6f8B", path.read_bytes())
    assert found[:3] == (2.0, 2.0, 2.0)
    assert found[3:6] == pytest.approx((0.5, 0.5, 0.5), rel=TOLERANCES["float32"])
    assert found[6:] == (0, 51, 255, 153, 128, 219, 128, 37)


def test_opacities_that_round_to_none_or_all_stay_finite(tmp_path: Path) -> None:
    scene = replace(made(2), logits=torch.tensor([-40.0, 40.0]))
    path = tmp_path / "scene.splat"
    write_gaussians(scene, path)
    assert bool(torch.isfinite(read_gaussians(path).logits).all())


@pytest.mark.parametrize("suffix", [".ply", ".splat"])
def test_no_gaussians_are_a_scene_as_well(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scene{suffix}"
    write_gaussians(made(0), path)
    assert len(read_gaussians(path)) == 0


def test_a_double_that_is_no_float_is_refused(tmp_path: Path) -> None:
    scene = made(3).map(Tensor.double)
    scene.means[2, 1] = 1e300
    with pytest.raises(UsageError, match="means of Gaussian 2 cannot be written; got 1e"):
        write_gaussians(scene, tmp_path / "scene.ply")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_gaussian_is_not_written(tmp_path: Path) -> None:
    for name, value in (("logits", math.nan), ("log_scales", 200.0), ("quaternions", 0.0)):
        scene = made(3)
        getattr(scene, name)[1] = value
        with pytest.raises(UsageError, match=f"{name} of Gaussian 1 cannot be written"):
            write_gaussians(scene, tmp_path / "scene.splat")


@pytest.mark.parametrize("suffix", [".ply", ".splat"])
def test_a_write_that_fails_leaves_the_old_scene(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scene{suffix}"
    write_gaussians(made(5), path)
    before = path.read_bytes()

    def full(operation: str) -> None:
        raise OSError(28, f"No space left on device: {operation}")

    durable.inject_fault(full)
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_gaussians(made(9), path)
    finally:
        durable.inject_fault(None)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"names no format of Gaussians; got \.obj"):
        write_gaussians(made(1), tmp_path / "scene.obj")
    with pytest.raises(SourceError, match=r"cannot be read; got No such file"):
        read_gaussians(tmp_path / "none.ply")


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


HOSTILE: Final = {
    "cut": (lambda d: d[:-1], "has another size"),
    "cut in its header": (lambda d: d[:100], "it is no ply"),
    "long": (lambda d: d + b"\0", "has another size"),
    "empty": (lambda d: b"", "it is no ply"),
    "huge": (lambda d: changed(d, b"vertex 5", b"vertex 999999999999"), "has another size"),
    "negative": (lambda d: changed(d, b"vertex 5", b"vertex -5"), "no vertex"),
    "text": (lambda d: changed(d, b"binary_little_endian", b"ascii"), "its format is not read"),
    "big": (lambda d: changed(d, b"little", b"big"), "its format is not read"),
    "another property": (lambda d: changed(d, b"float rot_2", b"float turn_"), "no rot_2"),
    "two of one name": (lambda d: changed(d, b"float rot_2", b"float rot_1"), "two of one name"),
    "a list": (lambda d: changed(d, b"float nx", b"list uchar int nx"), "is not understood"),
    "another element": (
        lambda d: changed(d, b"end_header", b"element face 1\nend_header"),
        "under",
    ),
    "odd harmonics": (lambda d: changed(d, b"float f_rest_8", b"float f_east_8"), "property"),
    "no text": (lambda d: changed(d, b"float nx", b"float \xff\xfe"), "is no text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_ply_is_one_clear_error(tmp_path: Path, case: str) -> None:
    path = tmp_path / "scene.ply"
    write_gaussians(made(5, degree=1), path)
    harm, words = HOSTILE[case]
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(SourceError, match=words):
        read_gaussians(path)


def test_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    write_gaussians(made(5), path)
    data = path.read_bytes()
    path.write_bytes(data[:-4] + struct.pack("<f", math.nan))
    with pytest.raises(SourceError, match="quaternions of Gaussian 4; got NaN or infinity"):
        read_gaussians(path)
    path.write_bytes(data[:-16] + bytes(16))
    with pytest.raises(SourceError, match="quaternions of Gaussian 4; got length 0"):
        read_gaussians(path)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (12, struct.pack("<f", -1.0), "scales of Gaussian 0; got not above 0"),
        (12, struct.pack("<f", 0.0), "scales of Gaussian 0; got not above 0"),
        (0, struct.pack("<f", math.inf), "means of Gaussian 0; got NaN or infinity"),
        (28, bytes([128] * 4), "quaternions of Gaussian 0; got length 0"),
        (31, b"", "no whole number"),
    ],
)
def test_a_hostile_splat_is_one_clear_error(
    tmp_path: Path, at: int, value: bytes, words: str
) -> None:
    path = tmp_path / "scene.splat"
    write_gaussians(made(2), path)
    data = bytearray(path.read_bytes())
    data[at : at + max(len(value), 1)] = value
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match=words):
        read_gaussians(path)


def test_any_bytes_are_a_scene_or_one_error(tmp_path: Path) -> None:
    draws = np.random.default_rng(3)
    path = tmp_path / "scene.ply"
    write_gaussians(made(4, degree=1), path)
    whole = path.read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for at in draws.integers(0, len(whole), draws.integers(1, 6)):
            data[at] = draws.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            scene = read_gaussians(path)
        except SourceError:
            refused += 1
        else:
            assert all(bool(torch.isfinite(t).all()) for t in scene.tensors)
    assert refused > 50
