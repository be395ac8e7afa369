"""From a name to a backbone with its weights in it, or one clear error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from videoengine.errors import ModelError
from videoengine.models.backbones.extras import require
from videoengine.models.backbones.registry import Entry, find
from videoengine.models.backbones.store import Store, check_sha256

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.backbone import NetworkBackbone

COMPANIONS: Final = ("vocab.txt", "tokenizer.json")
"""Files of a text side, looked for beside a weight file."""
CHANNEL_ORDER: Final = "channel_order"
"""Key of a safetensors header under which a trainer notes what its network was fed."""


@dataclass(frozen=True, slots=True)
class LocatedWeights:
    """A weight file on this machine, checked, and what lies beside it."""

    path: Path
    sha256: str
    origin: str
    """`file`, or the URL it was pulled from."""
    revision: str = ""
    others: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Vocabulary and the like, by name."""


def locate(
    entry: Entry,
    weights: Path | None = None,
    *,
    sha256: str | None = None,
    store: Store | None = None,
    others: Mapping[str, Path] | None = None,
) -> LocatedWeights:
    """Find and check a model's weights: a file given, else what was pulled.

    Raises:
        ModelError: There are none (with the command that gets them), or they are not the ones
            that were pinned or pulled.
    """
    name = entry.card.id
    pinned = entry.card.weights_sha256 if sha256 is None else sha256
    if weights is None and entry.bundled is not None:
        weights = entry.bundled
    if weights is not None:
        found = check_sha256(weights, pinned, remedy="Give the file that the hash is of.")
        beside = {name: weights.with_name(name) for name in COMPANIONS}
        beside = {name: path for name, path in beside.items() if path.is_file()}
        return LocatedWeights(weights, found, "file", others={**beside, **(others or {})})
    own = Store() if store is None else store
    stored, paths = own.files(name), own.verify(name)
    if not paths:
        raise ModelError(
            f"The weights of {name} are not on this machine",
            remedy=f"videoengine models pull {name}"
            if entry.files
            else f"Get them from {entry.page}, then give the file: --weights FILE.",
        )
    first = next(iter(stored.values()))
    path = paths.pop(first.name)
    check_sha256(path, pinned, remedy=f"videoengine models pull {name} --again")
    return LocatedWeights(
        path, first.sha256, first.url, first.revision, {**paths, **(others or {})}
    )


def load_backbone(
    name: str,
    weights: Path | None = None,
    *,
    sha256: str | None = None,
    store: Store | None = None,
    vocabulary: Path | None = None,
    device: str = "cpu",
) -> NetworkBackbone:
    """Load a backbone by name; without weights there is none.

    Args:
        name: As `videoengine models list` has it.
        weights: A file; by default what `videoengine models pull` brought.
        sha256: What the file must hash to.
        store: Where pulled files lie.
        vocabulary: `vocab.txt` of an image-text model, when it does not lie beside the weights.
        device: Of torch, e.g. `cpu` or `cuda:0`.

    Raises:
        UsageError: No such model.
        ModelError: torch, a package or the weights are missing, or the weights do not fit.
    """
    entry = find(name)
    require("torch", "models", "A backbone")
    others = {} if vocabulary is None else {"vocab.txt": vocabulary}
    return assemble(
        entry, locate(entry, weights, sha256=sha256, store=store, others=others), device
    )


def assemble(entry: Entry, located: LocatedWeights, device: str = "cpu") -> NetworkBackbone:
    """Build the network of an entry, give it the located weights whole, and make the backbone."""
    from videoengine.models.backbones.backbone import NetworkBackbone
    from videoengine.models.backbones.checkpoint import load_whole, read_checkpoint

    checkpoint = read_checkpoint(located.path, within=entry.within)
    order = checkpoint.metadata.get(CHANNEL_ORDER, entry.preprocessing.channel_order)
    if order != entry.preprocessing.channel_order:
        raise ModelError(
            f"The weights {located.path} were trained on another order of the colors",
            got=order,
            allowed=entry.preprocessing.channel_order,
            remedy="Give the model a card whose preprocessing has this channel_order.",
        )
    network = build(entry)
    load_whole(network, entry.convert(checkpoint.tensors), located.path)
    card = dataclasses.replace(
        entry.card,
        weights_sha256=located.sha256,
        revision=located.revision or entry.card.revision,
    )
    text = None if entry.text is None else entry.text(network, located.others, device)
    return NetworkBackbone(card, entry.preprocessing, network, text=text, device=device)


def build(entry: Entry) -> nn.Module:
    """Build an entry's network without weights: ours hold no memory, and cannot run.

    Raises:
        ModelError: A package that it needs is missing.
    """
    import torch

    for module, extra in entry.needs:
        require(module, extra, entry.card.id)
    if not entry.stock:
        with torch.device("meta"):
            return entry.build()
    with torch.random.fork_rng(devices=[]):  # making a stock class draws numbers
        return entry.build()


def untrained_for_tests(entry: Entry, *, seed: int) -> NetworkBackbone:
    """Return a backbone with random weights. Tests alone may call it; its card says so."""
    import torch

    from videoengine.models.backbones.backbone import NetworkBackbone

    network = build(entry)
    generator = torch.Generator().manual_seed(seed)
    network = network.to_empty(device="cpu") if not entry.stock else network
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            tensor.zero_()
        elif key.endswith(("running_var", "gamma")) or (tensor.ndim == 1 and "weight" in key):
            tensor.fill_(1)
        else:  # wide enough for the input to reach the output
            spread = (2 * len(tensor) / tensor.numel()) ** 0.5 if tensor.ndim > 1 else 0.02
            tensor.normal_(0, spread, generator=generator)
    card = dataclasses.replace(
        entry.card, id=f"{entry.card.id}+untrained", trained_on="nothing: random weights, a test"
    )
    return NetworkBackbone(card, entry.preprocessing, network)
