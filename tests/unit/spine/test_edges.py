"""Edges: every policy's ledger balances, whatever happens in between."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.edges import Edge, EdgeConfig, Policy
from videoengine.errors import UsageError

POLICIES: list[Policy] = ["latest", "drop_oldest", "drop_newest", "staleness"]


def edge(policy: Policy, capacity: int, clock: list[int]) -> Edge[int]:
    config = EdgeConfig(capacity, policy, 10 if policy == "staleness" else 0)
    return Edge(config, threading.Condition(), clock_ns=lambda: clock[0])


@given(
    st.sampled_from(POLICIES),
    st.integers(1, 4),
    st.lists(st.sampled_from(["put", "take", "serve", "drop", "tick"]), max_size=60),
)
def test_the_ledger_balances_after_any_history(
    policy: Policy, capacity: int, history: list[str]
) -> None:
    clock = [0]
    made = edge(policy, capacity, clock)
    in_flight = 0
    for step in history:
        if step == "put":
            made.put(clock[0])
        elif step == "take":
            made.waiting()
            in_flight += len(made.take(2))
        elif step == "tick":
            clock[0] += 7
        elif in_flight:
            in_flight -= 1
            if step == "serve":
                made.serve(1)
            else:
                made.drop(1, "error")
        assert len(made) <= capacity
        ledger = made.ledger
        accounted = ledger.served + sum(ledger.dropped.values())
        assert ledger.captured == accounted + in_flight + len(made)
    made.close()
    assert made.ledger.balances
    assert made.idle


def test_latest_serves_only_the_newest() -> None:
    made = edge("latest", 3, [0])
    for item in range(5):
        made.put(item)
    assert made.waiting() == [4]
    assert made.ledger.dropped == {"superseded": 4}


def test_drop_oldest_and_drop_newest_keep_what_they_say() -> None:
    oldest, newest = edge("drop_oldest", 2, [0]), edge("drop_newest", 2, [0])
    kept = [(oldest.put(item), newest.put(item)) for item in range(4)]
    assert oldest.waiting() == [2, 3]
    assert newest.waiting() == [0, 1]
    assert kept[3] == (True, False)


def test_staleness_never_serves_what_is_older_than_the_budget() -> None:
    clock = [0]
    made = edge("staleness", 5, clock)
    for item in range(4):
        made.put(item)
        clock[0] += 5
    assert made.waiting() == [2, 3]
    assert made.ledger.dropped == {"stale": 2}


def test_a_blocked_producer_is_freed_by_close_and_its_item_counted() -> None:
    made = edge("block", 1, [0])
    made.put(0)
    answers: list[bool] = []
    producer = threading.Thread(target=lambda: answers.append(made.put(1)))
    producer.start()
    made.close()
    producer.join(5)
    assert answers == [False]
    assert made.ledger.to_json() == {"captured": 2, "served": 0, "dropped": {"abandoned": 2}}


@pytest.mark.parametrize(("capacity", "policy"), [(0, "block"), (1, "staleness")])
def test_an_edge_that_could_hold_nothing_is_refused(capacity: int, policy: Policy) -> None:
    with pytest.raises(UsageError):
        EdgeConfig(capacity, policy)
