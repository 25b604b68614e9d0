"""What is predicted, and what comes back: the two records that cross the process boundary as JSON lines.

Sizes are MiB (2**20 bytes), because the tables are; lengths are tokens.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, Self

Counter = Literal["device", "reserved", "allocated"]
"""Which number was measured: NVML's use of the device, what the allocator reserved, or what tensors held."""
Precision = Literal["fp32", "fp16-amp", "bf16-amp", "fp16", "bf16"]
Checkpointing = Literal["no", "reentrant", "non-reentrant"]
Loop = Literal["bare", "trainer"]
"""`bare`: outputs, loss and batch stay bound until the next step replaces them; `trainer`: as in transformers."""
Implementation = Literal["torch", "transformers", "bitsandbytes"]


class CannotPredictError(Exception):
    """This row cannot be predicted; the message is the reason that is printed."""


@dataclass(frozen=True, kw_only=True)
class RowSpec:
    """One training job, complete enough to be rebuilt without its row.

    `config` are the keyword arguments of transformers' config class for `model_type`.
    `batch` counts sequences per forward; it is 0 if nothing is trained (`optimizer` is "none").
    `length` is the padded length, or the longest one if `dynamic`.
    `context_mib` is the CUDA context inside the measured number, 0 if it was left out.
    `capacity_mib` is what the caching allocator can reserve before CUDA refuses, None if unknown.
    `transformers` is the version to predict with, `torch` the one that the run had (None if unknown).
    `configuration` is a run of our own grid as `memory_grid.configuration` writes it; it then says everything, and
    the network's fields are left empty.
    """

    id: str
    model: str
    model_class: str
    model_type: str
    config: dict[str, Any]
    optimizer: str
    optimizer_from: Implementation
    foreach: bool
    batch: int
    accumulation: int
    length: int
    dynamic: bool
    precision: Precision
    checkpointing: Checkpointing
    attention: str
    attention_mask: bool
    loop: Loop
    max_grad_norm: float | None
    counter: Counter
    context_mib: float
    gpu: str
    capacity_mib: float | None
    transformers: str
    torch: tuple[int, int] | None
    configuration: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `dataclasses.asdict` after a trip through JSON, which has no tuples."""
        known = {field.name: data[field.name] for field in fields(cls)}
        known["torch"] = tuple(data["torch"]) if data["torch"] else None
        known["notes"] = tuple(data["notes"])
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class RowPrediction:
    """Peak memory of a spec, by every counter that a row may have used.

    `device_mib` is reserved plus the context, as far as the row's counter includes it.
    `low` and `high` bound the row's own counter; None where no interval is stated.
    """

    peak_allocated_mib: float
    peak_reserved_mib: float
    device_mib: float
    low: float | None
    high: float | None
    seconds: float
    notes: tuple[str, ...] = ()

    def counted(self, counter: Counter) -> float:
        """Return the number that the counter of a row would have shown, in MiB."""
        return {
            "device": self.device_mib,
            "reserved": self.peak_reserved_mib,
            "allocated": self.peak_allocated_mib,
        }[counter]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `dataclasses.asdict` after a trip through JSON."""
        return cls(**(data | {"notes": tuple(data["notes"])}))
