"""Rules of thumb that people size a run with: they look at the weights only.

Source of the first: `estimate_training_usage` and `gather_data` in accelerate/commands/estimate.py, called as
they are; `accelerate estimate-memory` prints their largest number as "Training using Adam".
"""

import time

import torch
from accelerate.commands.estimate import estimate_training_usage
from accelerate.utils import calculate_maximum_sizes

from accuracy.build import build_model
from accuracy.spec import RowSpec
from recipe_kb.units import MIB

WEIGHT_COPIES = 4
"""Weights, gradients and the two moments of Adam, all in fp32."""
OVERHEAD = 1.3
"""What is often added for activations and everything else."""


def rules_of_thumb(spec: RowSpec) -> dict[str, float]:
    """Return estimates in MiB, by the name of the rule, and the seconds that they took together."""
    start = time.perf_counter()
    with torch.device("meta"):
        model = build_model(spec)
    weights_bytes, _largest = calculate_maximum_sizes(model)
    usage = estimate_training_usage(weights_bytes, "float32" if spec.precision == "fp32" else "float16")
    return {
        "accelerate": max(usage.values()) / MIB,
        "weights x4 x1.3": weights_bytes * WEIGHT_COPIES * OVERHEAD / MIB,
        "seconds": time.perf_counter() - start,
    }
