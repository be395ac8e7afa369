"""The linear head: one logistic classifier a term over frozen features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videoengine.models.readouts import LogisticReadout
from videoengine.models.workflow.few_shot_networks import Logistic


def fit_linear(features: Tensor, targets: NDArray[np.bool_], *, penalty: float = 1.0) -> Logistic:
    """Return one logistic classifier a term over features (N, D), targets (N, K)."""
    readout = LogisticReadout.fit(features.numpy(force=True), targets, penalty=penalty)
    network = Logistic(features.shape[1], targets.shape[1])
    network.load_state_dict(buffers_of(readout))
    return network


def buffers_of(readout: LogisticReadout) -> dict[str, Tensor]:
    """Return a logistic readout as the buffers of `Logistic`."""
    rows = {"weights": readout.weights, "mean": readout.mean, "spread": readout.spread}
    return {name: torch.from_numpy(row).float() for name, row in rows.items()}
