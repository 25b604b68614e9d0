"""kb/gpus/ID.yaml: one GPU."""

from typing import Annotated

from recipe_kb.schema.base import Limits, NonEmpty, Positive, Slug, Text, record
from recipe_kb.units import MIB


@record
class GpuMemory:
    """How large the memory is, as three counters say.

    `torch_total_mib` is the range of `torch.cuda.get_device_properties().total_memory` over drivers and systems,
    in MiB; it is what a program can use, and smaller than what nvidia-smi prints.
    """

    marketed_gb: Positive
    nvidia_smi_total_mib: Positive
    torch_total_mib: tuple[int, int]
    torch_total_is_estimate: bool = False

    @property
    def limit_bytes(self) -> int:
        """The smallest total that torch was seen to report: the size to plan for."""
        return self.torch_total_mib[0] * MIB


@record
class DensePeak:
    """Dense peak rates in TFLOP/s, tensor cores with FP32 accumulation; None where the card lacks the unit."""

    fp32: float
    tf32: float | None
    fp16: float | None
    bf16: float | None
    fp8: float | None


@record
class GpuSupport:
    """What the hardware and the kernels for it can do."""

    tensor_cores: bool
    bf16: bool
    tf32: bool
    fp8: bool
    flash_attention_2: bool
    sdpa_flash: bool
    sdpa_mem_efficient: bool
    bnb_8bit_optimizer: bool
    torch_default_wheel: bool


@record
class Gpu:
    """One GPU: memory, peaks, features, the names people type for it, sources.

    `ray_accelerator` is the accelerator type that Ray gives a node with this card; cards of two sizes may share one.
    """

    name: str
    device_names: Annotated[tuple[str, ...], Limits(min_length=1)]
    aliases: tuple[str, ...]
    architecture: str
    compute_capability: Annotated[str, Limits(pattern=r"^\d+\.\d$")]
    memory: GpuMemory
    bandwidth_gb_s: Annotated[float, Limits(gt=0)]
    sm_count: Positive
    dense_peak_tflops: DensePeak
    supports: GpuSupport
    sources: Annotated[tuple[Slug, ...], Limits(min_length=1)]
    ray_accelerator: NonEmpty | None = None
    note: Text | None = None
