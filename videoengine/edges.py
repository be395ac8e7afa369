"""Edges: bounded queues between the parts of the engine, each with a ledger that must balance."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from videoengine.errors import UsageError

Policy = Literal["block", "latest", "drop_oldest", "drop_newest", "staleness"]
"""What a full edge does: wait; keep only the newest; drop the oldest; refuse the newest; or, for
`staleness`, drop whatever is older than the budget when it is taken, and the oldest when full."""
T = TypeVar("T")


@dataclass(slots=True)
class Ledger:
    """captured = served + Σ dropped{cause}, always, once the edge is closed."""

    captured: int = 0
    served: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])

    def drop(self, cause: str, count: int = 1) -> None:
        """Count items that will not be served."""
        if count:
            self.dropped[cause] = self.dropped.get(cause, 0) + count

    @property
    def balances(self) -> bool:
        """Whether every captured item is accounted for."""
        return self.captured == self.served + sum(self.dropped.values())

    def to_json(self) -> dict[str, Any]:
        """Return the ledger's JSON form."""
        return {
            "captured": self.captured,
            "served": self.served,
            "dropped": dict(sorted(self.dropped.items())),
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Ledger:
        """Return the ledger that `to_json` wrote."""
        return cls(row["captured"], row["served"], dict(row["dropped"]))


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """How an edge behaves when its consumer is slow."""

    capacity: int = 8
    policy: Policy = "block"
    budget_ns: int = 0
    """Oldest age that `staleness` serves, on the monotonic clock."""

    def __post_init__(self) -> None:
        """Refuse an edge that could not hold anything."""
        if self.capacity < 1:
            raise UsageError("An edge must hold something", got=self.capacity, allowed="1 or more")
        if self.policy == "staleness" and self.budget_ns <= 0:
            raise UsageError("The policy staleness needs a budget", got=self.budget_ns)


class Edge(Generic[T]):
    """A bounded queue. Producer and consumer share one condition, and so one lock.

    An item counts as served or dropped when its consumer says so (`serve`, `drop`), so an item
    in flight at a crash of its stage is never counted twice or forgotten.
    """

    def __init__(
        self,
        config: EdgeConfig,
        condition: threading.Condition,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Make an empty edge under `condition`."""
        self.config = config
        self.ledger = Ledger()
        self._condition = condition
        self._clock_ns = clock_ns
        self._items: deque[tuple[int, T]] = deque()
        self._in_flight = 0
        self.closed = False

    def __len__(self) -> int:
        """Return the number of waiting items."""
        return len(self._items)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._items and not self._in_flight

    def put(self, item: T) -> bool:
        """Offer an item; return whether it was queued.

        With the policy `block` this waits for room, and gives up only when the edge closes.
        """
        with self._condition:
            self.ledger.captured += 1
            while len(self._items) >= self.config.capacity and not self.closed:
                if self.config.policy == "block":
                    self._condition.wait()
                elif self.config.policy == "drop_newest":
                    self.ledger.drop("full")
                    return False
                else:
                    self._items.popleft()
                    self.ledger.drop("superseded" if self.config.policy == "latest" else "full")
            if self.closed:
                self.ledger.drop("abandoned")
                return False
            if self.config.policy == "latest":
                self.ledger.drop("superseded", len(self._items))
                self._items.clear()
            self._items.append((self._clock_ns(), item))
            self._condition.notify_all()
            return True

    def shed(self, cause: str) -> None:
        """Account for an item that is not even offered."""
        with self._condition:
            self.ledger.captured += 1
            self.ledger.drop(cause)

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest waiting item came, on the monotonic clock; under the lock."""
        return self._items[0][0] if self._items else None

    def waiting_since(self) -> list[tuple[int, T]]:
        """Return what `waiting` returns, each with the time it came; under the lock."""
        self.waiting()
        return list(self._items)

    def waiting(self) -> list[T]:
        """Return the waiting items, oldest first, after dropping stale ones; under the lock."""
        if self.config.policy == "staleness":
            oldest = self._clock_ns() - self.config.budget_ns
            while self._items and self._items[0][0] < oldest:
                self._items.popleft()
                self.ledger.drop("stale")
        return [item for _, item in self._items]

    def take(self, count: int) -> list[T]:
        """Remove and return the `count` oldest items; they are in flight until accounted for."""
        with self._condition:
            taken = [self._items.popleft()[1] for _ in range(min(count, len(self._items)))]
            self._in_flight += len(taken)
            self._condition.notify_all()
            return taken

    def serve(self, count: int) -> None:
        """Account for items in flight that were served."""
        self._in_flight -= count
        self.ledger.served += count

    def drop(self, count: int, cause: str) -> None:
        """Account for items in flight that were not served."""
        self._in_flight -= count
        self.ledger.drop(cause, count)

    def close(self) -> None:
        """Take no more items; what waits or is in flight is dropped as `abandoned`."""
        with self._condition:
            self.closed = True
            self.ledger.drop("abandoned", len(self._items) + self._in_flight)
            self._items.clear()
            self._in_flight = 0
            self._condition.notify_all()
