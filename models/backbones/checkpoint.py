"""Published weight files, read without running anything in them, and loaded whole or not at all."""

from __future__ import annotations

import io
import json
import math
import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from videoengine.canonical import as_object
from videoengine.errors import ModelError
from videoengine.models.backbones.limits import MAX_BYTES

Tensors = dict[str, Tensor]
SHOWN: Final = 3
"""Keys named in a message, of each kind."""
CONVERT: Final = (
    "Convert it to safetensors where you trust it: torch.load(FILE, weights_only=False), then "
    "safetensors.torch.save_file(module.state_dict(), 'FILE.safetensors')."
)
_BROKEN: Final = (RuntimeError, EOFError, ValueError, KeyError, OSError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file, by key."""

    path: Path
    tensors: Tensors
    scalars: dict[str, Any] = field(default_factory=dict[str, Any])
    """Numbers and texts that lay beside the tensors."""
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    """Of a safetensors header."""


def read_checkpoint(path: Path, *, within: Sequence[str] = ()) -> Checkpoint:
    """Read a safetensors file, a torch file, or a zip archive that holds one torch file.

    Args:
        path: The file.
        within: Keys under which trainers wrap the weights; each that is there is entered.

    Raises:
        ModelError: Missing, truncated, damaged, or needs code to be run.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise ModelError(
            f"The weights {path} cannot be read",
            got=error.strerror or error,
            remedy="Give the path of a .safetensors or .pth file: --weights FILE.",
        ) from error
    if size > MAX_BYTES:
        raise ModelError(f"The weights {path} are too large", got=size, allowed=MAX_BYTES)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return _read_safetensors(path, size)
    return _read_torch(path, within)


def _damaged(path: Path, why: object) -> ModelError:
    return ModelError(
        f"The weights {path} are damaged or cut short", got=why, remedy="Get the file again."
    )


def _read_safetensors(path: Path, size: int) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > size - 8:
                raise _damaged(path, "the header is longer than the file")
            header = as_object(json.loads(stream.read(length))) or {}
        with safe_open(path, framework="pt") as opened:
            tensors: Tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, *_BROKEN) as error:
        raise _damaged(path, error) from error
    metadata = {str(k): str(v) for k, v in (as_object(header.get("__metadata__")) or {}).items()}
    return Checkpoint(path, tensors, metadata=metadata)


def _read_torch(path: Path, within: Sequence[str]) -> Checkpoint:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unusual pickle; what cannot be read raises
            loaded: object = torch.load(_unzipped(path), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "ran out of input" in str(error).lower():
            raise _damaged(path, error) from error
        raise ModelError(
            f"The weights {path} hold Python objects, not only tensors; nothing of it was run",
            got=_first_sentence(error),
            remedy=CONVERT,
        ) from error
    except (zipfile.BadZipFile, IndexError, *_BROKEN) as error:
        raise _damaged(path, _first_sentence(error)) from error
    row = as_object(loaded)
    for key in within:
        row = as_object((row or {}).get(key)) or row
    if row is None:
        raise ModelError(
            f"The weights {path} are no table of tensors", got=type(loaded).__name__, remedy=CONVERT
        )
    tensors = {key: value for key, value in row.items() if isinstance(value, Tensor)}
    scalars = {
        key: value
        for key, value in row.items()
        if value is None or isinstance(value, (bool, int, float, str))
    }
    others = sorted(row.keys() - tensors.keys() - scalars.keys())
    if others or not tensors:
        raise ModelError(
            f"The weights {path} are wrapped in a way that is not known",
            got=", ".join(map(str, others[:SHOWN])) or "no tensor",
            remedy="Save the state dict alone, as safetensors.",
        )
    return Checkpoint(path, tensors, scalars)


def _unzipped(path: Path) -> Path | io.BytesIO:
    """Return the file itself, or the one weight file in an archive around it."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/data.pkl") or name == "data.pkl" for name in archive.namelist()):
            return path
        inside = [row for row in archive.infolist() if row.filename.endswith((".pth", ".pt"))]
        if len(inside) != 1 or inside[0].file_size > MAX_BYTES:
            raise _damaged(path, f"{len(inside)} weight files in the archive")
        return io.BytesIO(archive.read(inside[0]))


def _first_sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text.split(". ")[0][:160] or type(error).__name__


def load_whole(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network its weights: every key must fit, and every value be finite.

    Args:
        network: May lie on the device `meta`.
        tensors: Under the network's own keys; floating point becomes float32.
        path: Where they are from, for the message.

    Raises:
        ModelError: Keys are missing, left over or misshapen, or a value is not finite. The
            network is unchanged.
    """
    own = network.state_dict()
    missing = [key for key in own if key not in tensors]
    extra = [key for key in tensors if key not in own]
    shapes = [
        f"{key} {_shape(tensors[key])} instead of {_shape(own[key])}"
        for key in own
        if key in tensors and tensors[key].shape != own[key].shape
    ]
    faults = [
        f"{len(keys)} {what} ({', '.join(keys[:SHOWN])}{', …' if len(keys) > SHOWN else ''})"
        for what, keys in (("missing", missing), ("left over", extra), ("misshapen", shapes))
        if keys
    ]
    if faults:
        raise ModelError(
            f"The weights {path} do not fit {type(network).__name__}",
            got="; ".join(faults),
            allowed=f"the {len(own)} tensors of the published file",
            remedy="Is it the file of this model? videoengine models info NAME says which.",
        )
    converted = {key: _as_float32(tensor) for key, tensor in tensors.items()}
    for key, tensor in converted.items():
        if tensor.is_floating_point() and not math.isfinite(float(tensor.sum())):
            raise ModelError(
                f"The weights {path} hold values that are not finite",
                got=key,
                remedy="Get the file again.",
            )
    network.load_state_dict(converted, strict=True, assign=True)


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
