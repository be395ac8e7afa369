"""The same seed is the same procedure on every machine."""

from __future__ import annotations

import pytest

from videoengine.recon3d.simulator.fingerprint import fingerprint
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure

STORED = {
    ("cholecystectomy", 7): "2c8281cde03d370ac1ec5a745c3a4820a75d99f303f89f76f1fa0007549491ec",
    ("cholecystectomy", 11): "b2569a4a650155097638cd21adfae9750558504cfd4246ae16c30d1939af580d",
    ("colonoscopy", 7): "c731731a35e1b1d75edbeb0b792f1119d930ca7c5a4105b80068350b2dacc0dd",
    ("colonoscopy", 11): "bdfec70e843f5c4f5f843c9e873579e59562c0081aa37663b2d558d1ddde0bcb",
}


@pytest.mark.parametrize(("procedure", "seed"), list(STORED))
def test_labels_and_poses_have_the_stored_hash(procedure: str, seed: int) -> None:
    plan = make_plan(load_procedure(procedure), seed)
    assert fingerprint(plan) == STORED[procedure, seed]


def test_another_seed_is_another_procedure() -> None:
    procedure = load_procedure("colonoscopy")
    prints = {fingerprint(make_plan(procedure, seed)) for seed in range(4)}
    assert len(prints) == 4
