"""Random numbers by place instead of by order: seed, purpose and counter name each draw.

Any draw can be made alone, so frame k needs no frame before it, and a rule added for one purpose
moves no number of another. The generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): word
n of a key is a fixed mixing of key + n × golden ratio.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import UsageError
from videoengine.recon3d.simulator import portable_math
from videoengine.recon3d.simulator.portable_math import TAU

LARGEST_SEED: Final = 2**63 - 1

_MASK: Final = 2**64 - 1
_STEP: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB
_UNIT: Final = 2.0**-53


def _mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


@functools.cache
def _number_of(purpose: str) -> int:
    """Return a 64-bit number for a purpose (FNV-1a: Python's own hash differs from run to run)."""
    number = 0xCBF29CE484222325
    for byte in purpose.encode("utf-8"):
        number = ((number ^ byte) * 0x100000001B3) & _MASK
    return number


@dataclass(frozen=True, slots=True)
class Key:
    """A place in the tree of random numbers; it holds 2^64 draws of its own."""

    value: int

    def sub(self, purpose: str, *counters: int) -> Key:
        """Return the key of a purpose below this one, such as `sub("visit", 3)`."""
        value = _mix((self.value ^ _number_of(purpose)) + _STEP & _MASK)
        for counter in counters:
            value = _mix((value + (counter + 1) * _STEP) & _MASK)
        return Key(value)

    def word(self, counter: int) -> int:
        """Return the 64 random bits number `counter`."""
        return _mix((self.value + (counter + 1) * _STEP) & _MASK)

    def fraction(self, counter: int = 0) -> float:
        """Return draw number `counter`, even in [0, 1)."""
        return (self.word(counter) >> 11) * _UNIT

    def fractions(self, count: int, first: int = 0) -> NDArray[np.float64]:
        """Return draws `first` … `first + count − 1`, even in [0, 1); float64 (count,)."""
        # exact in 64-bit integers that wrap, as the scalar form does by its mask
        counters = np.arange(first + 1, first + count + 1, dtype=np.uint64)
        word = np.uint64(self.value) + counters * np.uint64(_STEP)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(_FIRST)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(_SECOND)
        word = word ^ (word >> np.uint64(31))
        return (word >> np.uint64(11)).astype(np.float64) * _UNIT

    def normals(self, count: int) -> NDArray[np.float64]:
        """Return draws of mean 0 and standard deviation 1; float64 (count,)."""
        pairs = self.fractions(2 * count).reshape(count, 2)
        radius = np.sqrt(-2.0 * portable_math.log(1.0 - pairs[:, 0]))
        return radius * portable_math.cos(TAU * pairs[:, 1])

    def draws(self) -> Draws:
        """Return the draws of this key, one after another."""
        return Draws(self)


def seeded(seed: int) -> Key:
    """Return the root of a seed's random numbers, or raise when the seed is out of range."""
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(
            "The seed is out of range",
            got=seed,
            allowed=f"0 to {LARGEST_SEED}",
            remedy="Choose another seed.",
        )
    return Key(_mix(seed + _STEP & _MASK))


class Draws:
    """The draws of one key in order, for a purpose that needs a varying number of them."""

    __slots__ = ("_counter", "_key")

    def __init__(self, key: Key) -> None:
        """Start before the key's first draw."""
        self._key = key
        self._counter = 0

    def fraction(self) -> float:
        """Return the next draw, even in [0, 1)."""
        value = self._key.fraction(self._counter)
        self._counter += 1
        return value

    def uniform(self, low: float, high: float) -> float:
        """Return a number, even in [low, high)."""
        return low + (high - low) * self.fraction()

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both possible."""
        return low + int(self.fraction() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.fraction() < probability

    def choice(self, weights: Sequence[float]) -> int:
        """Return an index, as likely as its share of the weights."""
        # a plain loop: the built-in sum rounds differently from Python 3.12 on
        total = 0.0
        for weight in weights:
            total += weight
        mark = self.fraction() * total
        last = 0
        for index, weight in enumerate(weights):
            if weight <= 0.0:
                continue
            last = index
            if mark < weight:
                return index
            mark -= weight
        return last

    def normal(self) -> float:
        """Return a draw of mean 0 and standard deviation 1 (Box and Muller)."""
        radius = portable_math.sqrt(-2.0 * portable_math.log(1.0 - self.fraction()))
        return radius * portable_math.cos(TAU * self.fraction())

    def log_normal(self, median: float, spread: float) -> float:
        """Return a positive draw whose logarithm has standard deviation `spread`."""
        return median * portable_math.exp(spread * self.normal())
