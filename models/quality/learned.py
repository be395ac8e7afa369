"""The learned network of quality and privacy: a small perceptron in NumPy, and its file.

Its values are trained on the simulator alone (`learned_training.py`), kept as fp16 safetensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import ModelError
from videoengine.models.quality.frame_statistics import Floats
from videoengine.models.quality.learned_features import LENGTH, VERSION

WEIGHTS: Final = Path(__file__).parent / "weights" / "learned.safetensors"
FORMAT: Final = f"videoengine/quality@{VERSION}"
FAR: Final = 4.0
"""Deviations from the mean beyond which a number is taken to lie here: pictures unlike any the
network was taught must not drive it without bound."""
ABOUT: Final = "about"
"""The one entry of the file's metadata, JSON: several would be written in any order."""
OUTPUTS: Final = ("out_of_body", "smoke", "soiling")
WIDTHS: Final = (LENGTH, 64, 48, len(OUTPUTS))
SHAPES: Final[Mapping[str, tuple[int, ...]]] = {
    "mean": (LENGTH,),
    "scale": (LENGTH,),
    **{f"{k}.weight": (WIDTHS[k + 1], WIDTHS[k]) for k in range(len(WIDTHS) - 1)},
    **{f"{k}.bias": (WIDTHS[k + 1],) for k in range(len(WIDTHS) - 1)},
}
"""Every tensor of the file."""
REMEDY: Final = "Get the file again, or make it: make train-bundled."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network says of one sample, each 0 to 1."""

    out_of_body: float
    """Scaled so that 0.5 is the operating point chosen in training."""
    smoke: float
    soiling: float


@dataclass(frozen=True, slots=True, eq=False)
class LearnedNetwork:
    """The values of the network and what its file says of them."""

    tensors: Mapping[str, NDArray[np.float32]]
    offset: float
    """Logit of `out_of_body` at the operating point."""
    trained_on: str
    notes: Mapping[str, Any]
    """Recipe and figures, as the trainer wrote them."""
    sha256: str

    def logits(self, features: Floats) -> NDArray[np.float32]:
        """Return the raw outputs, (..., 3), of features (..., LENGTH)."""
        t = self.tensors
        apart = (features.astype(np.float32) - t["mean"]) / t["scale"]
        values: NDArray[np.float32] = np.clip(apart, -FAR, FAR)
        last = len(WIDTHS) - 2
        for layer in range(last + 1):
            values = values @ t[f"{layer}.weight"].T + t[f"{layer}.bias"]
            if layer < last:
                values = np.maximum(values, np.float32(0.0))
        return values

    def judge(self, features: Floats) -> Judgement:
        """Return what the network says of one sample's features, (LENGTH,)."""
        out, smoke, soiling = self.logits(features).tolist()
        return Judgement(_sigmoid(out - self.offset), _sigmoid(smoke), _sigmoid(soiling))


def _sigmoid(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -60.0, 60.0))))


@cache
def load_learned(path: Path = WEIGHTS) -> LearnedNetwork:
    """Read the network.

    Raises:
        ModelError: safetensors is not installed, or the file is missing, damaged, of another
            format, or holds other tensors than SHAPES.
    """
    try:
        safetensors = import_module("safetensors")
        reader = import_module("safetensors.numpy")
    except ImportError as error:
        raise ModelError(
            "The learned quality and privacy need safetensors",
            got=error,
            remedy="pip install 'videoengine[models]'",
        ) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The weights {path} cannot be read", got=error.strerror or error, remedy=REMEDY
        ) from error
    try:
        tensors: dict[str, NDArray[Any]] = reader.load(data)
        about = _about(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The weights {path} are damaged or cut short", got=error, remedy=REMEDY
        ) from error
    return _checked(path, tensors, about, hashlib.sha256(data).hexdigest())


def _about(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return dict(json.loads(metadata.get(ABOUT, "{}")))


def _checked(
    path: Path, tensors: dict[str, NDArray[Any]], about: dict[str, Any], sha256: str
) -> LearnedNetwork:
    if about.get("format") != FORMAT:
        raise ModelError(
            f"The weights {path} are of another format",
            got=about.get("format"),
            allowed=FORMAT,
            remedy=REMEDY,
        )
    wrong = [f"{key} is missing" for key in SHAPES if key not in tensors]
    wrong += [f"{key} is not known" for key in tensors if key not in SHAPES]
    wrong += [
        f"{key} is {tensors[key].shape}, not {shape}"
        for key, shape in SHAPES.items()
        if key in tensors and tensors[key].shape != shape
    ]
    wrong += [f"{k} holds values that are not finite" for k in tensors if _unfit(tensors[k])]
    if wrong:
        raise ModelError(f"The weights {path} do not fit", got="; ".join(wrong), remedy=REMEDY)
    try:
        offset, notes = float(about["offset"]), dict(about["notes"])
        trained_on = str(about["trained_on"])
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"The weights {path} lack what is noted beside them", got=error, remedy=REMEDY
        ) from error
    values = {key: value.astype(np.float32) for key, value in tensors.items()}
    return LearnedNetwork(values, offset, trained_on, notes, sha256)


def _unfit(tensor: NDArray[Any]) -> bool:
    return tensor.dtype.kind != "f" or not bool(np.isfinite(tensor).all())
