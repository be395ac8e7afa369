"""BERT's tokenizer: basic splitting, then the longest word-pieces of a vocabulary file."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from videoengine.errors import ModelError

CLS: Final = "[CLS]"
SEP: Final = "[SEP]"
PAD: Final = "[PAD]"
UNKNOWN: Final = "[UNK]"
SPECIAL: Final = (CLS, SEP, PAD, UNKNOWN)
LONGEST_WORD: Final = 100
"""Longer words become [UNK], as published."""
_CJK: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True, slots=True)
class WordPiece:
    """A vocabulary and how words are brought into its form."""

    vocabulary: dict[str, int]
    lowercase: bool
    """Also takes accents away, as the published tokenizer does."""

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool, size: int | None = None) -> WordPiece:
        """Read a `vocab.txt`: one word-piece a line, its number the line's.

        Raises:
            ModelError: Not readable, without the special pieces, or not of `size` pieces.
        """
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"The vocabulary {path} cannot be read", got=error) from error
        pieces = [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        lacking = [piece for piece in SPECIAL if piece not in vocabulary]
        if lacking or (size is not None and len(pieces) != size):
            raise ModelError(
                f"The vocabulary {path} is not this model's",
                got=f"{len(pieces)} pieces"
                + (f", without {', '.join(lacking)}" if lacking else ""),
                allowed="any number of pieces" if size is None else f"{size} pieces",
                remedy="Take vocab.txt of the model's own repository.",
            )
        return cls(vocabulary, lowercase)

    def pieces(self, text: str) -> list[str]:
        """Return the word-pieces of a text, without [CLS] and [SEP]."""
        return [piece for word in self._words(text) for piece in self._split(word)]

    def numbers(self, text: str) -> list[int]:
        """Return the ids of the word-pieces of a text, without [CLS] and [SEP]."""
        return [self.vocabulary[piece] for piece in self.pieces(text)]

    def ids(self, texts: Sequence[str], length: int) -> tuple[list[list[int]], list[list[bool]]]:
        """Return ids and attention, `length` each a text: cut, closed by [SEP], padded."""
        rows: list[list[int]] = []
        attended: list[list[bool]] = []
        for text in texts:
            pieces = [CLS, *self.pieces(text)[: length - 2], SEP]
            row = [self.vocabulary[piece] for piece in pieces]
            empty = length - len(row)
            rows.append(row + [self.vocabulary[PAD]] * empty)
            attended.append([True] * len(row) + [False] * empty)
        return rows, attended

    def _words(self, text: str) -> list[str]:
        words: list[str] = []
        for word in _spaced(text).split():
            if self.lowercase:
                decomposed = unicodedata.normalize("NFD", word.lower())
                word = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
            words += _around_punctuation(word)
        return words

    def _split(self, word: str) -> list[str]:
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        found: list[str] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.vocabulary:
                    found.append(piece)
                    start = end
                    break
            else:
                return [UNKNOWN]
        return found


def _spaced(text: str) -> str:
    """Drop control characters, and set Chinese characters apart."""
    kept: list[str] = []
    for character in text:
        code = ord(character)
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            kept.append(" ")
        elif code in (0, 0xFFFD) or unicodedata.category(character).startswith("C"):
            continue
        elif any(first <= code <= last for first, last in _CJK):
            kept.append(f" {character} ")
        else:
            kept.append(character)
    return "".join(kept)


def _around_punctuation(word: str) -> list[str]:
    parts: list[str] = []
    begun = False
    for character in word:
        if _is_punctuation(character):
            parts.append(character)
            begun = False
        elif begun:
            parts[-1] += character
        else:
            parts.append(character)
            begun = True
    return parts


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and not character.isspace()
    return unicodedata.category(character).startswith("P")
