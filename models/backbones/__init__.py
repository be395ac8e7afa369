"""Frozen features of published models: a protocol, a registry, loaders that take all or nothing."""

from videoengine.models.backbones.extras import available, require
from videoengine.models.backbones.loading import LocatedWeights, assemble, load_backbone, locate
from videoengine.models.backbones.preprocessing import Preprocessing
from videoengine.models.backbones.registry import (
    Entry,
    entries,
    find,
    prefixes,
    register,
    register_maker,
)
from videoengine.models.backbones.store import Store

__all__ = [
    "Entry",
    "LocatedWeights",
    "Preprocessing",
    "Store",
    "assemble",
    "available",
    "entries",
    "find",
    "load_backbone",
    "locate",
    "prefixes",
    "register",
    "register_maker",
    "require",
]
