"""Bringing a model's files into the store: from where they are published, or from a file here."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from videoengine import durable
from videoengine.errors import ModelError
from videoengine.models.backbones.hub import Progress, fetch
from videoengine.models.backbones.registry import Entry
from videoengine.models.backbones.store import Store, StoredFile, check_sha256


@dataclass(frozen=True, slots=True)
class Pulled:
    """What lies in the store now."""

    model: str
    folder: Path
    files: tuple[StoredFile, ...]
    fetched: bool
    """Whether anything was brought, or all was here already."""


def pull(
    entry: Entry,
    store: Store,
    *,
    revision: str | None = None,
    sha256: str | None = None,
    again: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Get a model's files; what is here and unchanged is not got again.

    Args:
        entry: The model.
        store: Where it goes.
        revision: Of the weights' repository, instead of its main branch.
        sha256: What the weights must hash to.
        again: Get them whatever is here.
        progress: Told of the bytes of each file.

    Raises:
        ModelError: The publisher has no direct link, or `fetch` fails; nothing is left behind.
    """
    name = entry.card.id
    if not entry.files:
        raise ModelError(
            f"{name} has no direct link",
            remedy=f"Get its file from {entry.page}, then: videoengine models pull {name} "
            "--from FILE.",
        )
    here = {} if again else store.files(name)
    if here and revision is None:
        store.verify(name)
        first = next(iter(here))
        pinned = entry.card.weights_sha256 if sha256 is None else sha256
        check_sha256(store.place(name) / first, pinned, remedy="Pull it --again.")
        return Pulled(name, store.place(name), tuple(here.values()), fetched=False)
    weights, *others = entry.files
    weights = dataclasses.replace(
        weights,
        revision=revision or entry.card.revision or weights.revision,
        sha256=sha256 or entry.card.weights_sha256 or weights.sha256,
    )
    with store.replacing(name) as (folder, record):
        for remote in (weights, *others):
            record[remote.name] = fetch(remote, folder, progress=progress)
    return Pulled(name, store.place(name), tuple(record.values()), fetched=True)


def adopt(
    entry: Entry, store: Store, weights: Path, others: Mapping[str, Path], *, sha256: str | None
) -> Pulled:
    """Copy files that were brought by hand into the store.

    Args:
        entry: The model.
        store: Where they go.
        weights: The weight file.
        others: Vocabulary and the like, by the name they get.
        sha256: What the weights must hash to.

    Raises:
        ModelError: A file cannot be read, or is another one; nothing is left behind.
    """
    remedy = "Give the file that the hash is of."
    pinned = entry.card.weights_sha256 if sha256 is None else sha256
    found = {weights.name: (weights, check_sha256(weights, pinned, remedy=remedy))}
    for name, path in others.items():
        found[name] = path, check_sha256(path, None, remedy=remedy)
    with store.replacing(entry.card.id) as (folder, record):
        for name, (path, digest) in found.items():
            try:
                shutil.copyfile(path, folder / name)
            except OSError as error:
                raise durable.unwritable(folder / name, error) from error
            size = (folder / name).stat().st_size
            record[name] = StoredFile(name, digest, size, f"file {path.name}", "")
    return Pulled(entry.card.id, store.place(entry.card.id), tuple(record.values()), fetched=True)
