"""What kb/cuda.yaml refers to, and what the GPUs need from it; `check` says which reference leads nowhere."""

from collections.abc import Iterator, Mapping
from typing import Literal

from recipe_kb.schema.cuda import Cuda
from recipe_kb.schema.gpu import Gpu

Place = tuple[str | int, ...]
Reference = tuple[Literal["source", "gpu", "capability"], str, str, Place]
"""What kind of name, the name, the file that says it, the place in that file."""
_FILE = "cuda.yaml"


def cuda_references(cuda: Cuda, gpus: Mapping[str, Gpu]) -> Iterator[Reference]:
    """Yield every reference of the file, and the compute capability of every GPU, which the file must know.

    Args:
        cuda: The file.
        gpus: All GPUs, by id.
    """
    for place, sources in _sources(cuda):
        for position, source in enumerate(sources):
            yield "source", source, _FILE, (*place, "sources", position)
    for gpu_id in cuda.context.gpus:
        yield "gpu", gpu_id, _FILE, ("context", "gpus", gpu_id)
    unknown = cuda.unknown_gpu.compute_capability
    yield "capability", unknown, _FILE, ("unknown_gpu", "compute_capability")
    for index, other in enumerate(cuda.context.other_gpus):
        yield "capability", other.compute_capability, _FILE, ("context", "other_gpus", index, "compute_capability")
    for gpu_id, gpu in gpus.items():
        yield "capability", gpu.compute_capability, f"gpus/{gpu_id}.yaml", ("compute_capability",)


def _sources(cuda: Cuda) -> Iterator[tuple[Place, tuple[str, ...]]]:
    context = cuda.context
    yield ("workspace",), cuda.workspace.sources
    yield ("max_threads_per_sm",), cuda.max_threads_per_sm.sources
    for gpu_id, reading in context.gpus.items():
        yield ("context", "gpus", gpu_id), reading.sources
    for index, other in enumerate(context.other_gpus):
        yield ("context", "other_gpus", index), other.sources
    yield ("context", "line"), context.line.sources
    yield ("context", "eager"), context.eager.sources
