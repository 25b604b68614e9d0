"""kb/cuda.yaml: what CUDA takes beyond the tensors of a step."""

from typing import Annotated, Literal

from recipe_kb.schema.base import Limits, NonEmpty, Positive, Slug, Text, record

Capability = Annotated[str, Limits(pattern=r"^\d+\.\d$")]
Sources = Annotated[tuple[Slug, ...], Limits(min_length=1)]


@record
class CublasLtWorkspace:
    """What a linear layer with a bias takes besides; `call` frees it within the call, `process` never."""

    bytes: Positive
    lifetime: Literal["call", "process"]


@record
class TorchWorkspace:
    """cuBLAS' workspace in one version of torch, for each thread that multiplies.

    `large_on` are compute capabilities, or their major numbers, that take `large_bytes`.
    `cublaslt` is None where cuBLASLt uses the same buffer.
    """

    bytes: Positive
    large_bytes: Positive
    large_on: Annotated[tuple[Annotated[str, Limits(pattern=r"^\d+(\.\d)?$")], ...], Limits(min_length=1)]
    cublaslt: CublasLtWorkspace | None

    def bytes_on(self, compute_capability: str) -> int:
        """Return the size on a GPU."""
        large = {compute_capability, compute_capability.partition(".")[0]} & set(self.large_on)
        return self.large_bytes if large else self.bytes


@record
class Workspace:
    """Workspaces of matrix products, by version of torch."""

    note: Text
    torch: dict[str, TorchWorkspace]
    sources: Sources


@record
class ThreadsPerSm:
    """Threads that one streaming multiprocessor can hold, by compute capability."""

    values: dict[Capability, Positive]
    sources: Sources


@record
class UnknownGpu:
    """What a card that is known by its size alone counts as."""

    compute_capability: Capability
    sm_count: Positive
    why: Text


@record
class ContextReading:
    """Lowest and highest reading of a GPU, in MiB.

    `init` was read right after CUDA started, so it is a lower bound; `named` is False where the report does not name
    the GPU.
    """

    mib: tuple[int, int]
    stage: Literal["init", "running"]
    named: bool = True
    sources: Sources


@record
class OtherContextReading:
    """The same of a GPU that has no file of its own, read while kernels ran."""

    name: NonEmpty
    compute_capability: Capability
    sm_count: Positive
    mib: tuple[int, int]
    sources: Sources


@record
class ContextLine:
    """The context of a GPU without a reading: a line over its resident threads, times both ends of `spread`."""

    base_mib: float
    mib_per_1000_threads: float
    spread: tuple[float, float]
    sources: Sources
    note: Text

    def middle_mib(self, threads: int) -> float:
        """Return the line at a number of resident threads, in MiB."""
        return self.base_mib + self.mib_per_1000_threads * threads / 1000


@record
class EagerContext:
    """Readings of the time before lazy loading, by the name of the GPU, in MiB."""

    mib: dict[str, Positive]
    sources: Sources


@record
class CudaContext:
    """Memory of a process outside what the allocator reserves."""

    gpus: dict[Slug, ContextReading]
    other_gpus: tuple[OtherContextReading, ...]
    line: ContextLine
    eager: EagerContext


@record
class Cuda:
    """Everything of CUDA that a prediction of memory needs and a GPU's own file does not say."""

    workspace: Workspace
    max_threads_per_sm: ThreadsPerSm
    unknown_gpu: UnknownGpu
    context: CudaContext

    def threads(self, compute_capability: str, sm_count: int) -> int:
        """Return how many threads a GPU can hold at once."""
        return sm_count * self.max_threads_per_sm.values[compute_capability]
