"""The bundled recogniser: one safetensors file that holds its networks, and what was measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from videoengine import durable
from videoengine.errors import ModelError
from videoengine.models.backbones.checkpoint import Tensors, load_whole, read_checkpoint
from videoengine.models.workflow.network import FrameNetwork, NetworkConfig
from videoengine.models.workflow.temporal import PhaseNetwork, TemporalConfig
from videoengine.models.workflow.terms import PROCEDURES, outputs, terms_of

WEIGHTS: Final = Path(__file__).parent / "weights" / "embedded.safetensors"
FORMAT: Final = "videoengine/embedded@1"
ABOUT: Final = "about"
"""Key of the header under which everything but the tensors lies, as JSON."""
WIDTH: Final = 256
"""Of the pictures that the network sees."""
HEIGHTS: Final = (128, 256)
"""Between these, in steps of 16, lies the height that comes nearest to the picture's shape."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on procedures that neither taught the networks nor are scored."""

    phase_temperature: float = 1.0
    """Logits of phases are divided by it."""
    score_line: tuple[float, float] = (1.0, 0.0)
    """Slope and offset that turn the logit of a center into that of a right box."""
    found_at: float = 0.3
    """Score of a center from which an instrument is stated: the best F1."""
    present_at: float = 0.5
    left_spread: tuple[float, float] = (0.5, 2.0)
    """Of the time left, as factors: true time over said time, 10th and 90th percentile."""
    next_spread: tuple[float, float] = (0.5, 2.0)
    """The same of the time until the next phase."""


@dataclass(frozen=True, slots=True)
class Course:
    """Phases of one procedure."""

    network: PhaseNetwork
    stay: Tensor
    """(phases, phases): log probability of going from row to column within a second."""
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that the bundled stages need."""

    frame: FrameNetwork
    courses: Mapping[str, Course]
    """By procedure."""
    sha256: str
    """Of the file."""
    trained_on: str
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


def new_phase_network(procedure: str) -> PhaseNetwork:
    """Return an untrained temporal model of a procedure."""
    terms = terms_of(procedure)
    features = NetworkConfig(*outputs()).features
    return PhaseNetwork(
        TemporalConfig(features, len(terms.instrument.labels), len(terms.phase.labels))
    )


def save_bundle(
    path: Path,
    frame: FrameNetwork,
    courses: Mapping[str, Course],
    *,
    trained_on: str,
    notes: Mapping[str, str],
) -> None:
    """Write the networks as fp16 with what was fitted; whole or not at all."""
    tensors: Tensors = {f"frame.{key}": value for key, value in frame.state_dict().items()}
    for name, course in courses.items():
        tensors |= {f"{name}.{key}": value for key, value in course.network.state_dict().items()}
        tensors[f"{name}.stay"] = course.stay
    half = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in tensors.items()
        if not key.endswith("num_batches_tracked")
    }
    about = {
        "format": FORMAT,
        "trained_on": trained_on,
        "calibration": {name: dataclasses.asdict(c.calibration) for name, c in courses.items()},
        "notes": dict(notes),
    }
    # one key: the library writes several in another order each time
    metadata = {ABOUT: json.dumps(about, sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.replace(path, save(half, metadata))


@cache
def load_bundle(path: Path = WEIGHTS) -> Bundle:
    """Read the bundled networks, ready to answer.

    Raises:
        ModelError: The file is missing, damaged, of another format, or does not fit.
    """
    if not path.exists():
        raise ModelError(
            f"The bundled weights {path} are missing",
            remedy="Install videoengine again, or make them: make train-bundled.",
        )
    read = read_checkpoint(path)
    try:
        about = json.loads(read.metadata.get(ABOUT, "{}"))
        written_as = about.get("format", "no format")
    except (AttributeError, ValueError) as error:
        raise _damaged(path, error) from error
    if written_as != FORMAT:
        raise ModelError(
            f"The weights {path} are not those of the bundled recogniser",
            got=written_as,
            allowed=FORMAT,
            remedy="Install videoengine again, or make them: make train-bundled.",
        )
    try:
        calibrations = {name: _calibration(about["calibration"][name]) for name in PROCEDURES}
        trained_on, notes = str(about["trained_on"]), dict(about["notes"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    parts = _parted(read.tensors)
    frame = FrameNetwork(NetworkConfig(*outputs()))
    _load(frame, parts.pop("frame", {}), path)
    courses: dict[str, Course] = {}
    for name in PROCEDURES:
        tensors = parts.pop(name, {})
        phases = len(terms_of(name).phase.labels)
        stay = tensors.pop("stay", torch.zeros(0))
        if stay.shape != (phases, phases):
            raise ModelError(f"The weights {path} lack how the phases of a {name} follow")
        network = new_phase_network(name)
        _load(network, tensors, path)
        courses[name] = Course(network.eval(), stay.float(), calibrations[name])
    if parts:
        raise ModelError(
            f"The weights {path} hold networks that are not known", got=", ".join(sorted(parts))
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Bundle(fused(frame.eval()), courses, sha256, trained_on, notes)


def _damaged(path: Path, why: object) -> ModelError:
    return ModelError(
        f"The header of the weights {path} is damaged", got=why, remedy="Get the file again."
    )


def _parted(tensors: Tensors) -> dict[str, Tensors]:
    parts: dict[str, Tensors] = {}
    for key, value in tensors.items():
        part, _, rest = key.partition(".")
        parts.setdefault(part, {})[rest] = value
    return parts


def _calibration(row: dict[str, Any]) -> Calibration:
    pairs: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Calibration(**pairs)


def _load(network: nn.Module, tensors: Tensors, path: Path) -> None:
    """Load all but the counters of batches, which inference has no use for."""
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    load_whole(network, {**tensors, **counters}, path)


def fused(network: FrameNetwork) -> FrameNetwork:
    """Return the network with every normalization folded into the convolution before it."""
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        layers = list(module)
        for place, layer in enumerate(layers[:-1]):
            following = layers[place + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                module[place] = fuse_conv_bn_eval(layer, following)
                module[place + 1] = nn.Identity()
    channels_last: Any = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return cast("FrameNetwork", channels_last)


def seen_size(display: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) at which the network looks at a picture of this displayed size."""
    width, height = display
    low, high = HEIGHTS
    return WIDTH, min(max(16 * round(WIDTH * height / width / 16), low), high)


def as_batch(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Return pictures (H, W, 3) of one size as the network takes them: (B, 3, H, W), 0 to 1."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return stacked.to(torch.float32, memory_format=torch.channels_last).div_(255.0)
