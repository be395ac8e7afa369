"""`models`: what is known, what is here, whether it works, and getting it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from videoengine.models.backbones import Store, entries, find, prefixes, pulling
from videoengine.models.backbones.extras import available
from videoengine.models.backbones.pulling import Pulled
from videoengine.models.backbones.registry import Entry

TEST_LEVEL: Final = 128
"""Gray of the picture that `check` shows to a network."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the list."""

    name: str
    family: str
    licence: str
    gated: bool
    frames: int
    text: bool
    state: str
    """`here`, `to pull`, `by hand`, or what it lacks."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A model that was loaded whole and gave features."""

    model: str
    weights: str
    sha256: str
    revision: str
    model_hash: str
    pinned: bool
    """Whether the hash was known beforehand: from the card, the pull or the caller."""
    dimensions: int
    grid: tuple[int, ...]
    seconds: float
    """Of one picture or clip, the first."""


def listed() -> list[Row]:
    """Return every model that is known by name."""
    store = Store()
    return [
        Row(
            name,
            entry.card.family,
            entry.card.licence,
            entry.card.gated,
            entry.preprocessing.frames,
            entry.text is not None,
            _state(entry, store),
        )
        for name, entry in entries().items()
    ]


def _state(entry: Entry, store: Store) -> str:
    lacking = [module for module, _ in (("torch", "models"), *entry.needs) if not available(module)]
    if lacking:
        return f"needs {', '.join(lacking)}"
    if entry.bundled is not None or store.files(entry.card.id):
        return "here"
    return "to pull" if entry.files else "by hand"


def described(name: str) -> dict[str, Any]:
    """Return everything about one model as JSON values."""
    entry, store = find(name), Store()
    card = asdict(entry.card)
    card["preprocessing"] = entry.preprocessing.to_json()
    return {
        "card": card,
        "state": _state(entry, store),
        "page": entry.page,
        "files": [asdict(remote) | {"address": remote.address()} for remote in entry.files],
        "here": {name: asdict(stored) for name, stored in store.files(entry.card.id).items()},
        "needs": [f"{module} (videoengine[{extra}])" for module, extra in entry.needs],
        "checked": entry.checked,
    }


def check(name: str, weights: Path | None, sha256: str | None) -> Checked:
    """Load a model whole and show it a gray picture.

    Raises:
        UsageError: No such model.
        ModelError: It or its weights are not available, or not right.
    """
    import numpy as np

    from videoengine.models.backbones import load_backbone

    backbone = load_backbone(name, weights, sha256=sha256)
    how = backbone.preprocessing
    width, height = how.input_size or how.size
    frames = np.full((1, how.frames, height, width, 3), TEST_LEVEL, np.uint8)
    began = time.monotonic()
    features = backbone.encode_image(frames[0]) if how.frames == 1 else backbone.encode_clip(frames)
    seconds = time.monotonic() - began
    grid: tuple[int, ...] = ()
    if how.frames == 1 and backbone.has_grid:
        grid = tuple(backbone.patch_grid(frames[0]).shape[1:3])
    found = find(name).card.weights_sha256 or sha256
    return Checked(
        backbone.card.id,
        str(weights) if weights is not None else str(Store().place(name)),
        str(backbone.card.weights_sha256),
        backbone.card.revision or "",
        backbone.card.model_hash,
        weights is None or found is not None,
        int(features.shape[-1]),
        grid,
        round(seconds, 3),
    )


def pull(
    name: str, *, revision: str | None, sha256: str | None, again: bool, progress: Any
) -> Pulled:
    """Get a model from where it is published.

    Raises:
        UsageError: No such model.
        ModelError: It cannot be got; nothing is left behind.
    """
    entry, store = find(name), Store()
    options: dict[str, Any] = {"revision": revision, "sha256": sha256, "again": again}
    return pulling.pull(entry, store, progress=progress, **options)


def keep(name: str, brought: Path, vocabulary: Path | None, sha256: str | None) -> Pulled:
    """Copy a model's file that was brought by hand to where pulled ones lie.

    Raises:
        UsageError: No such model.
        ModelError: It cannot be read, or is another one; nothing is left behind.
    """
    others = {} if vocabulary is None else {"vocab.txt": vocabulary}
    return pulling.adopt(find(name), Store(), brought, others, sha256=sha256)


def packages() -> dict[str, str]:
    """Return the prefixes of other packages' models."""
    return prefixes()
