"""kb/gpus/ID.yaml: one GPU."""

from pydantic import Field

from recipe_kb.schema.base import Record, Slug, Text
from recipe_kb.units import MIB


class GpuMemory(Record):
    """How large the memory is, as three counters say.

    `torch_total_mib` is the range of `torch.cuda.get_device_properties().total_memory` over drivers and systems,
    in MiB; it is what a program can use, and smaller than what nvidia-smi prints.
    """

    marketed_gb: int = Field(gt=0)
    nvidia_smi_total_mib: int = Field(gt=0)
    torch_total_mib: tuple[int, int]
    torch_total_is_estimate: bool = False

    @property
    def limit_bytes(self) -> int:
        """The smallest total that torch was seen to report: the size to plan for."""
        return self.torch_total_mib[0] * MIB


class DensePeak(Record):
    """Dense peak rates in TFLOP/s, tensor cores with FP32 accumulation; None where the card lacks the unit."""

    fp32: float
    tf32: float | None
    fp16: float | None
    bf16: float | None
    fp8: float | None


class GpuSupport(Record):
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


class Gpu(Record):
    """One GPU: memory, peaks, features, the names people type for it, sources."""

    name: str
    device_names: tuple[str, ...] = Field(min_length=1)
    aliases: tuple[str, ...]
    architecture: str
    compute_capability: str = Field(pattern=r"^\d+\.\d$")
    memory: GpuMemory
    bandwidth_gb_s: float = Field(gt=0)
    sm_count: int = Field(gt=0)
    dense_peak_tflops: DensePeak
    supports: GpuSupport
    sources: tuple[Slug, ...] = Field(min_length=1)
    note: Text | None = None
