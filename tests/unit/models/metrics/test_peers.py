"""What the field's packages say of the first inputs of tests/benchmarks/metrics_agreement.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.metric_scores import OURS, TOLERANCES, gap

EXPECTED: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("expected.json").read_text()
)


@pytest.mark.parametrize("peer", EXPECTED)
def test_we_score_random_inputs_as_the_peer_does(peer: str) -> None:
    for seed, theirs in enumerate(EXPECTED[peer]):
        ours = OURS[peer](seed)
        assert ours.keys() == theirs.keys()
        gaps = {name: gap(ours[name], score) for name, score in theirs.items()}
        assert {name: one for name, one in gaps.items() if one > TOLERANCES[peer]} == {}
