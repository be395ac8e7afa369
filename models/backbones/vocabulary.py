"""The text side of a model whose vocabulary may not be here: it says so when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from videoengine.errors import ModelError

if TYPE_CHECKING:
    from videoengine.models.backbones.backbone import TextEncoder

VOCABULARY: Final = "vocab.txt"


class MissingVocabulary:
    """Stands where a tokenizer should; pictures can be encoded all the same."""

    def __init__(self, name: str, page: str) -> None:
        """Take the model's name and where its vocabulary is published."""
        self._name = name
        self._page = page

    def __call__(self, texts: Sequence[str]) -> NoReturn:
        """Refuse.

        Raises:
            ModelError: Always, with the remedy.
        """
        raise ModelError(
            f"{self._name} has no vocabulary for texts",
            got=f"{len(texts)} texts",
            remedy=f"Put {VOCABULARY} of {self._page} beside the weights, or: "
            f"videoengine models pull {self._name}",
        )


def with_vocabulary(
    name: str, page: str, others: Mapping[str, Path], make: Callable[[Path], TextEncoder]
) -> TextEncoder:
    """Return the text side made from `vocab.txt`, or one that refuses."""
    path = others.get(VOCABULARY)
    return MissingVocabulary(name, page) if path is None else make(path)
