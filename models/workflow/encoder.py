"""The stage that looks at each picture once; all other bundled recognisers read what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videoengine.cards import MODALITIES, ModelCard
from videoengine.frames import Pixels
from videoengine.models.workflow.bundled import WEIGHTS, as_batch, load_bundle, seen_size
from videoengine.models.workflow.found import found_in
from videoengine.models.workflow.stateless import Stateless
from videoengine.models.workflow.terms import PROCEDURES, slots_of, terms_of
from videoengine.stages import NamedArray, Result, StageContext, StageSpec, Work

LOWEST: Final = 0.05
"""Score of a center below which nothing is handed on."""
COVERED: Final = ("laparoscopy", "robotic", "colonoscopy", "unknown")
"""Modalities in which the procedures are performed that the recognisers know."""
HEAD: Final = 6
"""Columns of `found` before the verbs: instrument, score, box."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network says of one picture, for the outputs of every procedure side by side."""

    features: NDArray[np.float16]
    """(D,)."""
    presence: NDArray[np.float32]
    """(instruments,), probabilities."""
    states: NDArray[np.float32]
    """(states,), probabilities."""
    procedure: NDArray[np.float32]
    """(procedures,), probabilities."""
    found: NDArray[np.float32]
    """(K, HEAD + verbs + targets): instrument, score, box x y w h, probabilities; surest first."""
    tool: NDArray[np.uint8]
    """(h, w): probability that a pixel shows an instrument, × 255."""
    labels: NDArray[np.uint8]
    """(procedures, h, w): the procedure's instrument + 1, 0 tissue."""


class Encoder:
    """The bundled frame network on one picture at a time, so that no answer depends on others."""

    def __init__(self) -> None:
        """Load the weights, or raise ModelError."""
        self.bundle = load_bundle()

    @torch.inference_mode()
    def answer(self, pixels: Pixels) -> Seen:
        """Return what the network says of a picture."""
        picture = pixels.rgb(seen_size(pixels.display_size))
        said = self.bundle.frame(as_batch([picture]))
        found = found_in(said, 0, threshold=LOWEST)
        rows = [
            torch.cat([torch.tensor([one.instrument, one.score, *one.box]), one.verbs, one.targets])
            for one in found
        ]
        width = HEAD + said.verb.shape[1] + said.target.shape[1]
        mask = said.mask[0]
        tool = (1.0 - torch.softmax(mask, dim=0)[0]).mul(255.0).round().byte()
        labels = torch.stack([_restricted(mask, name) for name in PROCEDURES])
        return Seen(
            features=said.features[0].half().numpy(),
            presence=said.presence[0].sigmoid().numpy(),
            states=said.states[0].sigmoid().numpy(),
            procedure=said.procedure[0].softmax(0).numpy(),
            found=torch.stack(rows).numpy() if rows else np.zeros((0, width), np.float32),
            tool=tool.numpy(),
            labels=labels.numpy(),
        )


def _restricted(mask: Tensor, procedure: str) -> Tensor:
    """Return the likeliest of tissue and a procedure's own instruments, (h, w) uint8."""
    start = 1 + slots_of(procedure).instrument
    own = mask[start : start + len(terms_of(procedure).instrument.labels)]
    best: Tensor = torch.cat([mask[:1], own]).argmax(dim=0).byte()
    return best


def card_of(
    part: str, *, outputs: tuple[str, ...], calibration: str = "", covers_any: bool = False
) -> ModelCard:
    """Return the card of a stage that rests on the bundled weights."""
    bundle = load_bundle()
    return ModelCard(
        id=f"embedded-{part}",
        family="embedded",
        adapter_version=1,
        weights=f"bundled:{WEIGHTS.name}",
        weights_sha256=bundle.sha256,
        procedures=() if covers_any else PROCEDURES,
        modalities=MODALITIES if covers_any else COVERED,
        preprocessing="RGB, 256 wide, shape kept to 16 pixels",
        input_spec="one picture at a time",
        outputs=outputs,
        calibration=calibration or "none: confidence is null",
        trained_on=bundle.trained_on,
    )


class EncoderStage(Stateless):
    """Hands on, for every sample, what the network found; states nothing itself."""

    def __init__(self, context: StageContext, *, rate_hz: float = 5.0) -> None:
        """Load the network; it is the same for every modality and procedure."""
        self._encoder = Encoder()
        self._spec = StageSpec(
            name="encoder",
            card=card_of("encoder", outputs=("features/embedded-encoder",), covers_any=True),
            rate_hz=rate_hz,
            input_layout="rgb24",
            latency_budget_ms=250.0,
            shed_order=65,
            provides=(
                "features/embedded-encoder", "found/embedded", "labels/embedded",
                "presence/embedded", "procedure/embedded", "states/embedded", "tool/embedded",
            ),
        )  # fmt: skip

    def process(self, works: Sequence[Work]) -> Sequence[Result]:
        """Look at the last frame of every clip."""
        return [self._look(work) for work in works]

    def _look(self, work: Work) -> Result:
        seen = self._encoder.answer(work.clip.last.pixels)
        arrays: dict[str, NDArray[Any]] = {
            "features/embedded-encoder": seen.features,
            "found/embedded": seen.found,
            "labels/embedded": seen.labels,
            "presence/embedded": seen.presence,
            "procedure/embedded": seen.procedure,
            "states/embedded": seen.states,
            "tool/embedded": seen.tool,
        }
        return Result(outputs=tuple(NamedArray(name, array) for name, array in arrays.items()))
