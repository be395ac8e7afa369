"""Gaussians on the disk: `.ply` as trainers write it, `.splat` as viewers on the web read it.

The layouts are those of Kerbl et al. 2023 (`.ply`) and of antimatter15's viewer (`.splat`: 32 bytes
a Gaussian, one color from everywhere).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from videoengine import durable
from videoengine.errors import SourceError, UsageError
from videoengine.recon3d.splats import ply
from videoengine.recon3d.splats.gaussians import BASES, FIELDS, Gaussians

SUFFIXES: Final = (".ply", ".splat")
C0: Final = 0.28209479177387814
"""The spherical harmonic of degree 0."""
ROW: Final = np.dtype(
    [("mean", "<f4", 3), ("scale", "<f4", 3), ("color", "u1", 4), ("quaternion", "u1", 4)]
)
"""A Gaussian of a `.splat`."""
Array = NDArray[np.float32]


def write_gaussians(gaussians: Gaussians, path: Path) -> None:
    """Write a scene as one step: a reader sees the file before or after, whole.

    A `.ply` holds every number as float32. A `.splat` holds color and opacity in 256 steps,
    quaternions in steps of 1/128, no harmonics above degree 0, and its Gaussians with the largest
    volume times opacity first, which viewers load first. A scene shows a body's inside: whoever
    writes one out of a case asks the Gate first.

    Raises:
        UsageError: Another suffix, or numbers that are NaN or infinite, also as float32.
        OutputError: The place cannot be written.
    """
    suffix = _suffix(path)
    arrays = [_array(name, getattr(gaussians, name)) for name in FIELDS]
    durable.replace(path, _ply_of(*arrays) if suffix == ".ply" else _splat_of(*arrays))


def read_gaussians(path: Path) -> Gaussians:
    """Return the scene of a `.ply` or a `.splat`, float32 on the CPU.

    The properties of a `.ply` may stand in any order, beside others, as float or double.

    Raises:
        UsageError: Another suffix.
        SourceError: The file is missing, cut, of another layout, or holds what is no Gaussian.
    """
    suffix = _suffix(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read",
            got=error.strerror or str(error),
            allowed="a file of Gaussians",
        ) from error
    arrays = _of_ply(path, data) if suffix == ".ply" else _of_splat(path, data)
    for name, array in zip(FIELDS, arrays, strict=True):
        _check(path, name, np.isfinite(array), "NaN or infinity", "finite numbers")
    _check(
        path,
        "quaternions",
        np.abs(arrays[1]).max(axis=1, initial=0) > 0,
        "length 0",
        "any other length",
    )
    return Gaussians(*(torch.from_numpy(np.array(array, order="C")) for array in arrays))


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path} names no format of Gaussians",
            got=path.suffix or "no suffix",
            allowed=", ".join(SUFFIXES),
        )
    return suffix


def _array(name: str, tensor: torch.Tensor) -> Array:
    array = tensor.detach().cpu().numpy()
    with np.errstate(over="ignore"):  # what overflows is refused below
        single: Array = array.astype(np.float32)
    bad = ~np.isfinite(single)
    if bad.any():
        raise UsageError(
            f"{name} of Gaussian {int(np.argwhere(bad)[0][0])} cannot be written",
            got=array[bad][0],
            allowed="finite float32 numbers",
        )
    return single


def _check(path: Path, name: str, good: NDArray[np.bool_], got: str, allowed: str) -> None:
    if not good.all():
        row = int(np.argwhere(~good)[0][0])
        raise SourceError(
            f"{path} holds no Gaussians: {name} of Gaussian {row}",
            got=got,
            allowed=allowed,
            remedy="Export the scene again.",
        )


def _ply_of(
    means: Array, quaternions: Array, log_scales: Array, logits: Array, harmonics: Array
) -> bytes:
    # the field's files hold the harmonics above degree 0 color by color
    rest = harmonics[:, 1:].transpose(0, 2, 1).reshape(len(means), 3 * (harmonics.shape[1] - 1))
    table = np.concatenate(
        (
            *(means, np.zeros_like(means), harmonics[:, 0], rest),
            *(logits[:, None], log_scales, quaternions),
        ),
        axis=1,
    )
    names = ply.names_of(harmonics.shape[1])
    return ply.encoded({name: table[:, i] for i, name in enumerate(names)})


def _of_ply(path: Path, data: bytes) -> list[Array]:
    columns = ply.decoded(path, data)
    rest = [name for name in columns if name.startswith("f_rest_")]
    bases = 1 + len(rest) // 3
    wanted = ply.names_of(bases if bases in BASES and len(rest) % 3 == 0 else BASES[-1])
    missing = [name for name in wanted if name not in columns and name not in ("nx", "ny", "nz")]
    if missing or len(rest) != 3 * (bases - 1):
        raise SourceError(
            f"{path} holds no Gaussians: a property is missing",
            got=f"no {missing[0]}" if missing else f"{len(rest)} f_rest_*",
            allowed="x y z, f_dc_0 … 2, f_rest_* (0, 9, 24 or 45), opacity, scale_0 … 2, rot_0 … 3",
            remedy=ply.REMEDY,
        )

    def stacked(*names: str) -> Array:
        with np.errstate(over="ignore"):  # infinity is refused by the caller
            parts = [columns[name].astype(np.float32) for name in names]
        return np.stack(parts, axis=1) if parts else np.empty((len(columns["x"]), 0), np.float32)

    low = stacked("f_dc_0", "f_dc_1", "f_dc_2")[:, None]
    high = stacked(*(f"f_rest_{i}" for i in range(len(rest))))
    high = high.reshape(len(low), 3, bases - 1).transpose(0, 2, 1)
    return [
        stacked("x", "y", "z"),
        stacked(*(f"rot_{i}" for i in range(4))),
        stacked(*(f"scale_{i}" for i in range(3))),
        stacked("opacity")[:, 0],
        np.concatenate([low, high], axis=1),
    ]


def _splat_of(
    means: Array, quaternions: Array, log_scales: Array, logits: Array, harmonics: Array
) -> bytes:
    wide = log_scales.astype(np.float64)
    opacity = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-700, 700)))
    least, most = np.log(np.finfo(np.float32).tiny), np.log(np.finfo(np.float32).max)
    if (wide > most).any():
        row = int(np.argwhere(wide > most)[0][0])
        raise UsageError(
            f"log_scales of Gaussian {row} cannot be written",
            got=wide[row].max(),
            allowed=f"at most {most:.1f}",
        )
    order = np.argsort(-(wide.sum(axis=1) + np.log(opacity.clip(min=1e-300))), kind="stable")
    turns = quaternions.astype(np.float64)
    length = np.sqrt((turns**2).sum(axis=1, keepdims=True))
    if not length.all():
        row = int(np.argmin(length))
        raise UsageError(
            f"quaternions of Gaussian {row} cannot be written", got="length 0", allowed="any other"
        )
    shown = np.concatenate([0.5 + C0 * harmonics[:, 0], opacity[:, None]], axis=1)
    rows = np.empty(len(means), dtype=ROW)
    rows["mean"] = means[order]
    rows["scale"] = np.exp(wide[order].clip(min=least))
    rows["color"] = np.rint(shown[order].clip(0, 1) * 255)
    rows["quaternion"] = np.rint((turns / length)[order] * 128 + 128).clip(0, 255)
    return rows.tobytes()


def _of_splat(path: Path, data: bytes) -> list[Array]:
    if len(data) % ROW.itemsize:
        raise SourceError(
            f"{path} holds no Gaussians: its size is no whole number of them",
            got=f"{len(data)} bytes",
            allowed=f"a multiple of {ROW.itemsize}",
            remedy="Copy or export the file again.",
        )
    rows = np.frombuffer(data, dtype=ROW)
    scales = rows["scale"].astype(np.float64)
    _check(path, "scales", np.isfinite(scales) & (scales > 0), "not above 0", "above 0 and finite")
    # 0 and 255 stand for what rounds to them: the middle of their half step has a logit
    opacity = rows["color"][:, 3].astype(np.float64).clip(0.25, 254.75) / 255
    turns = (rows["quaternion"].astype(np.float64) - 128) / 128
    harmonics = (rows["color"][:, :3].astype(np.float64) / 255 - 0.5) / C0
    arrays = [
        rows["mean"],
        turns,
        np.log(scales),
        np.log(opacity / (1 - opacity)),
        harmonics[:, None],
    ]
    return [np.asarray(array, dtype=np.float32) for array in arrays]
