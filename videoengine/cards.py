"""Model cards: what a model is, what it covers, and what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from videoengine.canonical import digest

MODALITIES: Final = (
    "laparoscopy",
    "robotic",
    "colonoscopy",
    "gastroscopy",
    "bronchoscopy",
    "cystoscopy",
    "arthroscopy",
    "sinus",
    "pituitary",
    "capsule",
    "unknown",
)
"""Values of `--modality`; `unknown` is the default and the strictest."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a reader of an event may ask about the model behind it."""

    id: str
    family: str
    adapter_version: int
    """Raised whenever the code around the weights changes what comes out."""
    licence: str = "Apache-2.0"
    loader: str = "builtin"
    weights: str | None = None
    """Bundled path or hub id, or None for a rule without learned weights."""
    weights_sha256: str | None = None
    revision: str | None = None
    gated: bool = False
    """The hub asks for an agreement before it hands out the weights."""
    procedures: tuple[str, ...] = ()
    """Procedures covered; empty means any."""
    modalities: tuple[str, ...] = MODALITIES
    preprocessing: str = ""
    input_spec: str = ""
    outputs: tuple[str, ...] = ()
    calibration: str = "none: confidence is null"
    trained_on: str = "nothing: a rule without learned weights"
    seeds_row: str = ""
    """Row of the survey of published models that it belongs to, if any."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of weights, preprocessing and adapter version."""
        return digest([self.id, self.weights_sha256, self.preprocessing, self.adapter_version])

    def covers(self, procedure: str | None, modality: str) -> bool:
        """Tell whether the model may speak about this procedure and modality."""
        if modality not in self.modalities:
            return False
        return not self.procedures or procedure in self.procedures
