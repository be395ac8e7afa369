"""A few-shot head: what it learned, from which frames, and the one file that holds both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors.torch import save
from torch import Tensor, nn

from videoengine import durable
from videoengine.canonical import as_items, as_object
from videoengine.cards import ModelCard
from videoengine.errors import ModelError, UsageError
from videoengine.models.backbones.checkpoint import load_whole, read_checkpoint
from videoengine.models.workflow.few_shot_networks import METHODS, Method, build
from videoengine.models.workflow.zero_shot import Scores
from videoengine.vocabularies import Vocabulary, vocabulary

FORMAT: Final = "videoengine/few-shot@2"
HEADER: Final = "few_shot_head"
"""Key of the safetensors header under which the card lies."""
SUFFIX: Final = ".safetensors"
TEXTS: Final = (
    "vocabulary", "backbone", "model_hash", "shots", "prompts", "preprocessing", "calibration",
)  # fmt: skip
"""Entries of a card that are texts."""
TEMPORAL: Final[Method] = "temporal"
"""The method that follows a video; the others see single frames."""
Task = Literal["phase", "step", "instrument"]
TASKS: Final[tuple[Task, ...]] = ("phase", "step", "instrument")
ONE_A_FRAME: Final[tuple[Task, ...]] = ("phase", "step")
"""Tasks with one term a frame; of instruments there may be any number."""


@dataclass(frozen=True, slots=True)
class Used:
    """Frames of one source that a head learned from."""

    uri: str
    content: str
    """Hash of the source's pictures, empty where it states none."""
    pts_ns: tuple[int, ...]

    def is_of(self, uri: str, content: str) -> bool:
        """Tell whether this is the source of that URI and content."""
        return content == self.content if content and self.content else uri == self.uri


@dataclass(frozen=True, slots=True)
class HeadCard:
    """Where a head comes from."""

    method: Method
    task: Task
    vocabulary: str
    backbone: str
    model_hash: str
    """Of the backbone: weights, preprocessing and adapter."""
    shots: str
    """Labelled frames a class that were asked for, or `all`."""
    seed: int
    ships: bool
    """False as soon as one frame is real: such weights stay where they were made."""
    frames: tuple[Used, ...] = ()
    prompts: str = ""
    """Name of the prompt file, of the methods that read texts."""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    preprocessing: str = ""
    """Of the backbone, as its card states it; `model_hash` covers it."""
    procedures: tuple[str, ...] = ()
    """Those that the frames are of; the head speaks of no other. Empty: of any."""
    calibration: str = ""
    """What its probabilities were fitted on; empty where they are not calibrated."""


class FewShotHead:
    """Scores of K terms from a backbone's pooled features."""

    def __init__(self, card: HeadCard, network: nn.Module) -> None:
        """Take a network that has learned."""
        self.card = card
        self.network = network.eval().requires_grad_(False)

    @property
    def terms(self) -> Vocabulary:
        """What the K scores are of."""
        return vocabulary(self.card.vocabulary)

    def logits_of(self, features: Tensor) -> Scores:
        """Return (N, K) of features (N, D).

        Raises:
            UsageError: They are not of the backbone's length.
        """
        wanted = self.card.sizes["features"]
        if features.ndim != 2 or features.shape[1] != wanted:
            raise UsageError(
                "These are not the features that the head learned from",
                got=tuple(features.shape),
                allowed=f"(N, {wanted})",
            )
        with torch.no_grad():
            logits: Tensor = self.network(features.detach().float().cpu())
        found: Scores = logits.double().numpy()
        return found

    def probabilities_of(self, features: Tensor) -> Scores:
        """Return (N, K), 0 to 1; of phases and steps they add up to 1."""
        logits = torch.from_numpy(self.logits_of(features))
        shares = logits.softmax(-1) if self.card.task in ONE_A_FRAME else logits.sigmoid()
        found: Scores = shares.numpy()
        return found

    def check_backbone(self, card: ModelCard) -> None:
        """Raise ModelError unless the head learned from this backbone with these weights."""
        if (card.id, card.model_hash) != (self.card.backbone, self.card.model_hash):
            raise ModelError(
                "The head learned from the features of another backbone",
                got=f"{card.id} {card.model_hash[:12]}",
                allowed=f"{self.card.backbone} {self.card.model_hash[:12]}",
                remedy="Load the backbone that the head names, from the same weights.",
            )

    def learned_from(self, uri: str, content: str) -> tuple[int, ...]:
        """Return the stamps (ns) of the frames of a source that the head learned from."""
        return tuple(
            ns for used in self.card.frames if used.is_of(uri, content) for ns in used.pts_ns
        )

    def save(self, path: Path) -> None:
        """Write the head as one safetensors file; whole or not at all.

        Raises:
            OutputError: The file cannot be written.
        """
        row = dataclasses.asdict(self.card)
        tensors = {key: value.contiguous() for key, value in self.network.state_dict().items()}
        row |= {"format": FORMAT, "ships": "yes" if self.card.ships else "no"}
        # one entry alone: safetensors writes several in an order that changes from run to run
        durable.replace(path, save(tensors, {HEADER: json.dumps(row, sort_keys=True)}))


def load_head(path: Path) -> FewShotHead:
    """Read a head, whole or not at all.

    Raises:
        ModelError: It cannot be read, is no few-shot head, or tensors are missing, left over,
            misshapen or not finite.
    """
    read = read_checkpoint(path)
    try:
        row = as_object(json.loads(read.metadata.get(HEADER, "{}"))) or {}
    except ValueError as error:
        raise _damaged(path, error) from error
    found = row.pop("format", "no format")
    if found != FORMAT:
        raise ModelError(
            f"{path} is no few-shot head",
            got=found,
            allowed=FORMAT,
            remedy="Make one: videoengine train head.",
        )
    try:
        card = _card(row)
        classes = len(vocabulary(card.vocabulary).labels)
    except (ValueError, KeyError, TypeError) as error:  # UsageError is a ValueError
        raise _damaged(path, error) from error
    if card.sizes.get("classes") != classes:
        raise ModelError(
            f"The head {path} does not fit its vocabulary {card.vocabulary}",
            got=f"{card.sizes.get('classes')} classes",
            allowed=classes,
        )
    network = build(card.method, card.sizes)
    load_whole(network, read.tensors, path)
    return FewShotHead(card, network)


def _damaged(path: Path, why: object) -> ModelError:
    return ModelError(
        f"The header of {path} is damaged", got=why, remedy="Get or make the head again."
    )


def _card(table: Mapping[str, Any]) -> HeadCard:
    """Return the card that a header holds; ValueError, KeyError or TypeError when it is none."""
    if table.keys() != {one.name for one in dataclasses.fields(HeadCard)}:
        raise ValueError("the card has other entries")
    if table["method"] not in METHODS or table["task"] not in TASKS:
        raise ValueError(f"method {table['method']!r}, task {table['task']!r}")
    if table["method"] == TEMPORAL and table["task"] not in ONE_A_FRAME:
        raise ValueError(f"a temporal head of {table['task']}")
    procedures = as_items(table["procedures"])
    if procedures is None:
        raise ValueError("the procedures are no list")
    texts = [*(table[key] for key in TEXTS), *procedures]
    sizes = as_object(table["sizes"]) or {}
    plain = isinstance(table["seed"], int) and table["ships"] in ("yes", "no")
    whole = all(isinstance(one, str) for one in texts) and all(
        isinstance(one, int) for one in sizes.values()
    )
    if not plain or not whole:
        raise ValueError("the card has entries of another kind")
    frames = _used(as_items(table["frames"]) or ())
    ships = table["ships"] == "yes"
    read = {"ships": ships, "frames": frames, "sizes": sizes, "procedures": tuple(procedures)}
    return HeadCard(**{**table, **read})


def _used(rows: Sequence[Any]) -> tuple[Used, ...]:
    return tuple(
        Used(str(row["uri"]), str(row["content"]), tuple(int(ns) for ns in row["pts_ns"]))
        for row in rows
    )
