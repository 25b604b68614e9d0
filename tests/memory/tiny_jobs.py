"""Jobs small enough to trace in a fraction of a second, and a GPU for them."""

import torch
from torch import nn

from recipe_kb.memory.device import Device, decided_bytes
from recipe_kb.tracing.job import job_of
from recipe_kb.tracing.trace import Job
from tiny import model_of, settings_with

GPU = Device(sm_count=40, max_threads_per_sm=1024, workspace_bytes=8_519_680)
LORA = {"lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.1}


def tiny_job(config, *, tasks=1, mixing=None, method="full", sdpa="efficient", padded=True, **settings):
    """The job of a recipe with these settings, on a network with this config."""
    return job_of(
        model_of(config),
        settings_with(**settings),
        tasks=tasks,
        mixing=mixing,
        method=method,
        sdpa=sdpa,
        padded=padded,
    )


def bare_job(build, inputs, **changes):
    """A job of a hand-built network: SGD, no clipping, float32."""
    values = {
        "build": build,
        "inputs": inputs,
        "drops_mask": False,
        "optimizer": lambda network: torch.optim.SGD(network.parameters(), lr=1e-3, foreach=True),
        "autocast": None,
        "sdpa": "efficient",
        "gradient_checkpointing": False,
        "loop": "trainer",
        "max_grad_norm": 0.0,
        "host_scalars": True,
        "logit_width": -1,
    }
    return Job(**values | changes)


class TwoLayers(nn.Module):
    """8 -> 16 -> 4 with a relu between; the loss is the sum of all outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.second = nn.Linear(16, 4)

    def forward(self, x):
        return {"loss": self.second(torch.relu(self.first(x))).sum()}


def rows_of_eight(rows, length):
    return {"x": torch.empty(rows, 8)}


def written(step, part):
    """The events of a part as text: `+512 weights`, `-512`; what the GPU decides by its name."""
    lines = []
    for event in step.parts[part]:
        index = event if event >= 0 else ~event
        size = step.decided[index][0] if index in step.decided else step.num_bytes[index]
        lines.append(f"+{size} {step.categories[index]}" if event >= 0 else f"-{size}")
    return lines


def live(events):
    """What was allocated and not freed."""
    return {event for event in events if event >= 0} - {~event for event in events if event < 0}


def signed_sizes(events, num_bytes):
    """Sizes of what is allocated, and negative ones of what is freed, in order."""
    return [num_bytes[event] if event >= 0 else -num_bytes[~event] for event in events]


def on_gpu(num_bytes, decided):
    """Sizes with the ones that the GPU decides filled in."""
    return [decided_bytes(decided[i], size, GPU) if i in decided else size for i, size in enumerate(num_bytes)]
