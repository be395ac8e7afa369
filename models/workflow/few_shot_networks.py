"""What a head is once it has learned: tensors of fixed shapes, scores from features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from videoengine.errors import ModelError
from videoengine.models.workflow.temporal import PhaseNetwork, TemporalConfig

Method = Literal["linear", "surg_ftda", "biomedcoop", "temporal"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
HIDDEN: Final = 128
"""Of Surg-FTDA's aligner, as released."""
SIZES: Final[Mapping[Method, tuple[str, ...]]] = {
    "linear": ("features", "classes"),
    "surg_ftda": ("features", "classes", "texts"),
    "biomedcoop": ("features", "classes", "context", "words"),
    "temporal": ("features", "classes", "squeezed", "hidden", "layers"),
}
"""Sizes that the network of each method is built from."""
LARGEST: Final = 1_000_000
"""Of any size; a header that says more is damaged."""


class Logistic(nn.Module):
    """K logits that are linear in features brought to mean 0 and spread 1."""

    weights: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, classes: int) -> None:
        """Make the buffers: weights (D + 1, K) with the bias last, mean (D,), spread (D,)."""
        super().__init__()
        self.register_buffer("weights", torch.zeros(features + 1, classes))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) of (N, D)."""
        scaled = (features - self.mean) / self.spread
        return scaled @ self.weights[:-1] + self.weights[-1]


class Aligned(nn.Module):
    """Surg-FTDA: pictures moved into the space of texts, then a classifier that saw only texts."""

    def __init__(self, features: int, classes: int, texts: int) -> None:
        """Make the aligner, an MLP of three layers, and the classifier."""
        super().__init__()
        self.aligner = nn.Sequential(
            nn.Linear(features, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, texts),
        )
        self.classifier = Logistic(texts, classes)

    def aligned(self, features: Tensor) -> Tensor:
        """Return unit vectors (N, texts) of pictures' features (N, D)."""
        return functional.normalize(self.aligner(functional.normalize(features, dim=-1)), dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) of (N, D)."""
        found: Tensor = self.classifier(self.aligned(features))
        return found


class Prompted(nn.Module):
    """BiomedCoOp: the texts of the classes after learning, and the context they were made with."""

    texts: Tensor
    context: Tensor
    scale: Tensor

    def __init__(self, features: int, classes: int, context: int, words: int) -> None:
        """Make the buffers: texts (K, D), context (C, W), scale ()."""
        super().__init__()
        self.register_buffer("texts", torch.zeros(classes, features))
        self.register_buffer("context", torch.zeros(context, words))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) of (N, D)."""
        return self.scale * functional.normalize(features, dim=-1) @ self.texts.T


class Recurrent(nn.Module):
    """One of K classes at each second of a video, from all that came before and nothing after."""

    mean: Tensor
    spread: Tensor
    stay: Tensor
    temperature: Tensor

    def __init__(
        self, features: int, classes: int, squeezed: int, hidden: int, layers: int
    ) -> None:
        """Make an untrained network.

        Buffers: mean and spread (D,) of the features, stay (K, K) log probability of going from
        row to column in a second, temperature () by which logits are divided.
        """
        super().__init__()
        config = TemporalConfig(features, 0, classes, hidden, layers, squeezed)
        self.network = PhaseNetwork(config)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("stay", torch.zeros(classes, classes))
        self.register_buffer("temperature", torch.ones(()))

    def start(self) -> Tensor:
        """Return the state (layers, 1, hidden) before the first step."""
        return self.network.start()

    def scaled(self, features: Tensor) -> Tensor:
        """Return features (…, D) at mean 0 and spread 1."""
        return (features - self.mean) / self.spread

    def follow(self, features: Tensor, elapsed_s: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (T, K) of T steps with features (T, D) at (T,) seconds, and the state."""
        nothing = features.new_zeros(1, len(features), 0)
        said, state = self.network(self.scaled(features)[None], nothing, elapsed_s[None], state)
        return said.phase[0] / self.temperature, state

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) of (N, D): a whole video, a step a second."""
        seconds = torch.arange(len(features), dtype=torch.float32)
        return self.follow(features, seconds, self.start())[0]


_CLASSES: Final[Mapping[str, Callable[..., nn.Module]]] = {
    "linear": Logistic,
    "surg_ftda": Aligned,
    "biomedcoop": Prompted,
    "temporal": Recurrent,
}


def build(method: str, sizes: Mapping[str, int]) -> nn.Module:
    """Return an empty network of a method, or raise ModelError when the sizes are not its own.

    On the device `meta`, so that sizes that a damaged header makes up cost no memory.
    """
    known: Mapping[str, tuple[str, ...]] = {name: SIZES[name] for name in METHODS}
    if method not in known:
        raise ModelError("No such method of a head", got=repr(method), allowed=", ".join(known))
    wanted = known[method]
    if set(sizes) != set(wanted) or not all(0 < size <= LARGEST for size in sizes.values()):
        raise ModelError(
            f"The sizes of a head of {method} do not fit",
            got=", ".join(f"{key} {value}" for key, value in sizes.items()) or "none",
            allowed=", ".join(wanted),
        )
    shape = [sizes[name] for name in wanted]
    with torch.device("meta"):
        return _CLASSES[method](*shape)
