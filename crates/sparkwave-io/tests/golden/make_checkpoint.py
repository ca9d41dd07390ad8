#!/usr/bin/env python3
"""Write checkpoint.pt with PyTorch: a state dictionary of arrays of several kinds beside an optimizer."""

from collections import OrderedDict
from pathlib import Path

import torch

weight = torch.arange(6.0).reshape(2, 1, 3)
model = OrderedDict(
    [
        ("conv.weight", torch.nn.Parameter(weight)),
        ("view", weight.reshape(2, 3).T),
        ("half", torch.tensor([0.5, -2.0], dtype=torch.float16)),
        ("scale", torch.tensor(7.0)),
        ("num_batches_tracked", torch.tensor(3)),
    ]
)
optimizer = {"lr": 1e-3, "state": {0: {"exp_avg": torch.zeros(2)}}}
path = Path(__file__).resolve().parent / "checkpoint.pt"
torch.save({"model": model, "optimizer": optimizer, "step": 12, "stats": [1.5, None, True]}, path)
