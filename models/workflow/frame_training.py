"""Teaching the frame network: batches, losses, and a trainer that can be cut off at any step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from videoengine.models.workflow.alterations import geometric, photometric
from videoengine.models.workflow.network import Answers, FrameNetwork, NetworkConfig
from videoengine.models.workflow.samples import NONE, Samples
from videoengine.models.workflow.terms import PROCEDURES, STATES, outputs

WARM_UP: Final = 0.05
"""Share of the steps in which the rate rises."""
CLIPPED_NORM: Final = 5.0
CHECKPOINT: Final = 200
RARE: Final = 0.5
"""Share of the pictures that are drawn so that every instrument is seen as often as any other."""
INSIDE: Final = STATES.index("in_body")
WEIGHTS: Final = {
    "mask": 1.0, "center": 1.0, "sides": 1.0, "verb": 0.3, "target": 0.3, "presence": 1.0,
    "states": 0.5, "procedure": 0.2,
}  # fmt: skip


@dataclass(slots=True)
class Batch:
    """B pictures of (H, W) and what is true of them; h, w = H/4, W/4."""

    pictures: Tensor
    """(B, 3, H, W), RGB in 0…1."""
    mask: Tensor
    """(B, h, w), int64: output + 1, 0 tissue."""
    tools: Tensor
    """(M, 8): picture, output, center x, center y, width, height (fractions), verb, target."""
    states: Tensor
    """(B, states); NaN unknown."""
    procedure: Tensor
    """(B,), int64: place in PROCEDURES; −1 out of the body, where none can be told."""


def batch_of(chosen: Sequence[tuple[Samples, int]], rng: np.random.Generator | None) -> Batch:
    """Return a batch; with `rng` pictures are altered as recorders and codecs alter them."""
    pictures = [samples.picture(number) for samples, number in chosen]
    if rng is not None:
        pictures = [photometric(picture, rng) for picture in pictures]
    rows: list[NDArray[np.float32]] = []
    for place, (samples, number) in enumerate(chosen):
        own = samples.tools[samples.tools[:, 0] == number].copy()
        own[:, 0] = place
        rows.append(own)
    stacked = np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))
    seen = torch.from_numpy(stacked).float().div_(255.0)
    mask = torch.from_numpy(np.stack([s.mask[n] for s, n in chosen]).astype(np.int64))
    tools = torch.from_numpy(np.concatenate(rows))
    if rng is not None:
        seen, mask, tools = geometric(seen, mask, tools, rng)
    states = np.stack([s.states[n] for s, n in chosen])
    own_procedure = np.asarray([PROCEDURES.index(s.procedure) for s, _ in chosen], np.int64)
    return Batch(
        pictures=seen,
        mask=mask,
        tools=tools,
        states=torch.from_numpy(states),
        procedure=torch.from_numpy(np.where(states[:, INSIDE] == 1.0, own_procedure, NONE)),
    )


def losses(answers: Answers, batch: Batch) -> dict[str, Tensor]:
    """Return the terms of the loss, unweighted."""
    device = answers.mask.device
    mask, tools = batch.mask.to(device), batch.tools.to(device)
    heat, rows, columns = heat_of(tools, tuple(answers.center.shape))
    picture, output = tools[:, 0].long(), tools[:, 1].long()
    present = torch.zeros_like(answers.presence)
    present[picture, output] = 1.0
    found = {
        "mask": functional.cross_entropy(answers.mask, mask) + _overlap_loss(answers.mask, mask),
        "center": focal(answers.center, heat),
        "presence": functional.binary_cross_entropy_with_logits(answers.presence, present),
        "states": _known(answers.states, batch.states.to(device)),
    }
    inside = batch.procedure.to(device) != NONE
    if bool(inside.any()):
        said, wanted_procedure = answers.procedure[inside], batch.procedure.to(device)[inside]
        found["procedure"] = functional.cross_entropy(said, wanted_procedure)
    if len(tools):
        at = (picture, slice(None), rows, columns)
        wanted = sides_of(tools, rows, columns, answers.center.shape[-2:])
        found["sides"] = side_loss(answers.sides[at], wanted)
        found["verb"] = functional.cross_entropy(answers.verb[at], tools[:, 6].long())
        found["target"] = functional.cross_entropy(answers.target[at], tools[:, 7].long())
    return found


def heat_of(tools: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the heat (B, K, h, w) of centers, and their rows and columns (M,).

    Each instrument is a Gaussian about its center's pixel, which alone reaches 1.
    """
    _, _, height, width = shape
    heat = torch.zeros(shape, device=tools.device)
    columns = (tools[:, 2] * width).long().clamp(0, width - 1)
    rows = (tools[:, 3] * height).long().clamp(0, height - 1)
    y = torch.arange(height, device=tools.device)[:, None]
    x = torch.arange(width, device=tools.device)[None]
    for tool, row, column in zip(tools, rows, columns, strict=True):
        spread = (0.08 * math.sqrt(float(tool[4] * width * tool[5] * height))) + 0.8
        away = (y - row) ** 2 + (x - column) ** 2
        own = torch.exp(-away / (2.0 * spread * spread))
        place = heat[int(tool[0]), int(tool[1])]
        place.copy_(torch.maximum(place, own))
    return heat, rows, columns


def sides_of(tools: Tensor, rows: Tensor, columns: Tensor, shape: Sequence[int]) -> Tensor:
    """Return distances (M, 4) from the centers of center pixels to the boxes' sides."""
    height, width = shape
    x, y = columns + 0.5, rows + 0.5
    left, right = (tools[:, 2] - tools[:, 4] / 2) * width, (tools[:, 2] + tools[:, 4] / 2) * width
    top, bottom = (tools[:, 3] - tools[:, 5] / 2) * height, (tools[:, 3] + tools[:, 5] / 2) * height
    return torch.stack([x - left, y - top, right - x, bottom - y], dim=1).clamp(min=0.0)


def side_loss(said: Tensor, wanted: Tensor) -> Tensor:
    """Return 1 − IoU of boxes (M, 4) about the same points (UnitBox: Yu et al. 2016)."""
    shared = torch.minimum(said, wanted)
    both = (shared[:, 0] + shared[:, 2]) * (shared[:, 1] + shared[:, 3])
    areas = [(s[:, 0] + s[:, 2]) * (s[:, 1] + s[:, 3]) for s in (said, wanted)]
    return (1.0 - (both + 1.0) / (areas[0] + areas[1] - both + 1.0)).mean()


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """Return the focal loss of heat maps; near a center alarms count less (Law and Deng 2018)."""
    said = logits.sigmoid()
    peaks = heat == 1.0
    miss = -functional.logsigmoid(logits) * (1.0 - said) ** 2 * peaks
    alarm = -functional.logsigmoid(-logits) * said**2 * (1.0 - heat) ** 4 * ~peaks
    return (miss.sum() + alarm.sum()) / peaks.sum().clamp(min=1)


def _overlap_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return 1 − Dice of any instrument against tissue."""
    any_tool = 1.0 - torch.softmax(logits, dim=1)[:, 0]
    wanted = (mask > 0).float()
    return 1.0 - (2.0 * (any_tool * wanted).sum() + 1.0) / (any_tool.sum() + wanted.sum() + 1.0)


def _known(logits: Tensor, wanted: Tensor) -> Tensor:
    known = ~torch.isnan(wanted)
    if not bool(known.any()):
        return logits.sum() * 0.0
    return functional.binary_cross_entropy_with_logits(logits[known], wanted[known])


class FrameTrainer:
    """Adam with warm-up and a cosine; its whole state is one file."""

    def __init__(self, network: FrameNetwork, *, steps: int, rate: float = 2e-3) -> None:
        """Prepare to teach `network` in so many steps."""
        self.network, self.steps, self.done = network, steps, 0
        self._rate = rate
        self._halved = halves_pay(next(network.parameters()).device)
        self._adam = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)

    def step(self, batch: Batch) -> dict[str, float]:
        """Learn from a batch; return the terms of the loss."""
        share = self.done / self.steps
        rise = min(1.0, (share + 1.0 / self.steps) / WARM_UP)
        for group in self._adam.param_groups:
            group["lr"] = self._rate * rise * (0.02 + 0.49 * (1.0 + math.cos(math.pi * share)))
        self.network.train()
        with torch.autocast(batch.pictures.device.type, torch.bfloat16, enabled=self._halved):
            answers = self.network(batch.pictures)
        terms = losses(answers.map(Tensor.float), batch)
        total = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        self._adam.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIPPED_NORM)
        self._adam.step()
        self.done += 1
        return {name: float(term.detach()) for name, term in terms.items()}

    def save(self, path: Path) -> None:
        """Write everything that `load` needs to go on; whole or not at all."""
        part = path.with_suffix(".part")
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "adam": self._adam.state_dict(),
            "done": self.done,
            "steps": self.steps,
        }
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, weights_only=True, map_location="cpu")
        self.network.load_state_dict(state["network"])
        self._adam.load_state_dict(state["adam"])
        self.done = state["done"]


def halves_pay(device: torch.device) -> bool:
    """Return whether bfloat16 halves the time of a step: where tiles of it are multiplied."""
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("amx_bf16"))


class Draws:
    """Pictures of one size, drawn evenly or by the instruments that they show."""

    def __init__(self, sets: Sequence[Samples]) -> None:
        """Note where each instrument is seen."""
        self._sets = sets
        seen: dict[int, list[NDArray[np.int64]]] = {}
        for place, samples in enumerate(sets):
            pairs = np.unique(samples.tools[:, :2].astype(np.int64), axis=0)
            for instrument in np.unique(pairs[:, 1]).tolist():
                own = pairs[pairs[:, 1] == instrument, 0]
                seen.setdefault(instrument, []).append(
                    np.stack([np.full_like(own, place), own], axis=1)
                )
        self._seen = [np.concatenate(seen[instrument]) for instrument in sorted(seen)]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(map(len, self._sets))

    def draw(self, rng: np.random.Generator) -> tuple[Samples, int]:
        """Return a picture and whose it is."""
        if self._seen and rng.random() < RARE:
            table = self._seen[int(rng.integers(len(self._seen)))]
            place, number = table[rng.integers(len(table))].tolist()
            return self._sets[place], number
        samples = self._sets[int(rng.integers(len(self._sets)))]
        return samples, int(rng.integers(len(samples)))


def train_frames(
    sets: Sequence[Samples],
    checkpoint: Path,
    *,
    steps: int,
    seed: int = 1,
    size: int = 16,
    device: str = "cpu",
    told: Callable[[int, dict[str, float]], None] | None = None,
) -> FrameNetwork:
    """Return a frame network taught by these sets; goes on from `checkpoint` where it exists.

    Every step draws its pictures, and how they are altered, from its own number, so a run that was
    cut off reaches the weights of one that was not, but for the order in which threads add up.

    Args:
        sets: Pictures of one size make a batch; sizes take turns by their share.
        checkpoint: File that is written every CHECKPOINT steps.
        steps: Batches in all.
        seed: Of the first weights and of every draw.
        size: Pictures in a batch.
        device: Where the network learns.
        told: Called after each step with its number and the terms of the loss.
    """
    torch.manual_seed(seed)
    network = FrameNetwork(NetworkConfig(*outputs()))
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = FrameTrainer(network, steps=steps)
    if checkpoint.exists():
        trainer.load(checkpoint)
    groups: dict[tuple[int, int], list[Samples]] = {}
    for samples in sets:
        groups.setdefault(samples.size, []).append(samples)
    draws = [Draws(group) for group in groups.values()]
    shares = np.asarray([len(own) for own in draws], np.float64)
    while trainer.done < steps:
        rng = np.random.default_rng([seed, trainer.done])
        own = draws[rng.choice(len(draws), p=shares / shares.sum())]
        batch = batch_of([own.draw(rng) for _ in range(size)], rng)
        batch.pictures = batch.pictures.to(device).contiguous(memory_format=torch.channels_last)
        terms = trainer.step(batch)
        if trainer.done % CHECKPOINT == 0 or trainer.done == steps:
            trainer.save(checkpoint)
        if told is not None:
            told(trainer.done, terms)
    return network.eval()
