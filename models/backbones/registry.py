"""The models that are known: one function a family says what it publishes; none imports torch."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from videoengine.cards import ModelCard
from videoengine.errors import UsageError, nearest
from videoengine.models.backbones.hub import RemoteFile
from videoengine.models.backbones.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import nn

    from videoengine.models.backbones.backbone import TextEncoder
    from videoengine.models.backbones.checkpoint import Tensors

WEIGHTS: Final = "weights"
"""Stem of the weight file in a model's folder; other files keep their names."""
FAMILIES: Final = "videoengine.models.backbones.families"


@dataclass(frozen=True, slots=True)
class Entry:
    """A published model: its card, and how its file becomes a network."""

    card: ModelCard
    preprocessing: Preprocessing
    build: Callable[[], nn.Module]
    """Make the network, without weights; imports torch when it is called."""
    convert: Callable[[Tensors], Tensors] = dict
    """From the published keys to the network's; what it leaves out, it leaves out by name."""
    within: tuple[str, ...] = ()
    """Keys under which the publisher wrapped the weights."""
    files: tuple[RemoteFile, ...] = ()
    """What `pull` gets, the weights first; empty when the publisher has no direct link."""
    bundled: Path | None = None
    """A file that ships with the package; it comes before one that was pulled."""
    page: str = ""
    """Where people get it."""
    text: Callable[[nn.Module, Mapping[str, Path], str], TextEncoder] | None = None
    """Make the text side from the network, the other files by name, and the device."""
    stock: bool = False
    """The network is a class of another package, which makes its own buffers."""
    needs: tuple[tuple[str, str], ...] = ()
    """(module, extra) of the optional packages it is built with."""
    checked: str = ""
    """What the loader was tried on, in words: no published file was available."""


Family = Callable[[], Sequence[Entry]]
Maker = Callable[[str], Entry]
"""Makes an entry from what follows the colon of `timm:NAME`."""


@dataclass(slots=True)
class _Known:
    families: dict[str, Family] = field(default_factory=dict[str, Family])
    makers: dict[str, tuple[Maker, str]] = field(default_factory=dict[str, tuple[Maker, str]])
    loaded: bool = False


_known: Final = _Known()


def register(family: Family) -> Family:
    """Register a family by the name of its function."""
    name = family.__name__
    if _known.families.setdefault(name, family) is not family:
        raise UsageError("Two families have one name", got=name, allowed="distinct names")
    return family


def register_maker(prefix: str, description: str) -> Callable[[Maker], Maker]:
    """Register a function that makes the entries `prefix:NAME` of another package."""

    def keep(maker: Maker) -> Maker:
        if prefix in _known.makers:
            raise UsageError("Two packages have one prefix", got=prefix, allowed="distinct names")
        _known.makers[prefix] = (maker, description)
        return maker

    return keep


def _load() -> _Known:
    if not _known.loaded:
        package = importlib.import_module(FAMILIES)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{FAMILIES}.{module.name}")
        _known.loaded = True
    return _known


def entries() -> dict[str, Entry]:
    """Return every model that is known by name, in the order of the names."""
    found: dict[str, Entry] = {}
    for family in _load().families.values():
        for entry in family():
            if found.setdefault(entry.card.id, entry) is not entry:
                raise UsageError("Two models have one name", got=entry.card.id)
    return dict(sorted(found.items()))


def prefixes() -> dict[str, str]:
    """Return the prefixes of the packages that bring models of their own, with descriptions."""
    return {prefix: text for prefix, (_, text) in sorted(_load().makers.items())}


def find(name: str) -> Entry:
    """Return a model by name, or by `prefix:NAME` of another package.

    Raises:
        UsageError: There is none (with the nearest name).
    """
    known = entries()
    if name in known:
        return known[name]
    prefix, colon, rest = name.partition(":")
    if colon and rest and prefix in _load().makers:
        return _load().makers[prefix][0](rest)
    packages = ", ".join(f"{prefix}:NAME" for prefix in prefixes())
    raise UsageError(
        "No such model",
        got=repr(name),
        allowed=f"a name of `videoengine models list`, or {packages}",
        remedy=nearest(name, known),
    )


def published(
    card: ModelCard, how: Preprocessing, dim: int | None, *, texts: bool = False
) -> ModelCard:
    """Return the card of a published model with what its preprocessing decides filled in.

    Args:
        card: Name, family, licence, what it was trained on, and where it is.
        how: Its preprocessing.
        dim: Dimensions of its features, or None when they are known once it is built.
        texts: Whether it has a text side, in the same space.
    """
    shape = "uint8 (B, H, W, 3)" if how.frames == 1 else f"uint8 (B, {how.frames}, H, W, 3)"
    features = f"features/{card.id}" + (f" ({dim},)" if dim else "")
    return dataclasses.replace(
        card,
        preprocessing=how.text(),
        input_spec=f"{shape}, RGB",
        outputs=(features, f"text ({dim},)") if texts else (features,),
        calibration="none: features, no probabilities",
    )
