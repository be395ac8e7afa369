"""From published keys to ours, by rules that name every key they touch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from videoengine.models.backbones.checkpoint import Tensors

Rules = Sequence[tuple[str, str]]


def renamed(tensors: Mapping[str, Tensor], rules: Rules) -> Tensors:
    """Return the tensors under new keys: the first rule (pattern, replacement) that fits a key."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]
    found: Tensors = {}
    for key, tensor in tensors.items():
        for pattern, replacement in compiled:
            changed, count = pattern.subn(replacement, key, count=1)
            if count:
                break
        else:
            changed = key
        found[changed] = tensor
    return found


def without(tensors: Mapping[str, Tensor], *patterns: str) -> Tensors:
    """Return the tensors whose keys fit none of the patterns."""
    left_out = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return {key: tensor for key, tensor in tensors.items() if left_out.match(key) is None}


def joined(tensors: Mapping[str, Tensor], parts: Sequence[str], whole: str) -> Tensors:
    """Stack tensors that one layer of ours holds together, e.g. query, key and value.

    Args:
        tensors: By key.
        parts: Names in the published key, in order.
        whole: The name in ours, where the first part stands.
    """
    found = dict(tensors)
    for key in tensors:
        head, name, tail = key.partition(parts[0])
        names = [f"{head}{part}{tail}" for part in parts]
        if name and all(part in found for part in names):
            found[f"{head}{whole}{tail}"] = torch.cat([found.pop(part) for part in names])
    return found
