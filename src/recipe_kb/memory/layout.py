"""The parameters of a network as several GPUs share them out: their order, their shapes, and what is gathered at once.

A traced step knows only bytes; how a parameter is padded hangs on its first dimension.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

ROOT, EMBEDDINGS, TAIL, FIRST_LAYER = range(4)
"""Groups of parameters that FSDP gathers at once: what is left over, the input embeddings, the last norm with the
output head (and with the embeddings where these are tied), then the layers one by one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        group: `ROOT`, `EMBEDDINGS`, `TAIL`, or `FIRST_LAYER` + number of the layer.
        rows: First dimension.
        inner: Elements of one row.
        element_bytes: Of one element as stored; also tells dtypes apart.
        is_trained: Whether it gets a gradient.
    """

    group: int
    rows: int
    inner: int
    element_bytes: int
    is_trained: bool

    @property
    def num_elements(self) -> int:
        """Count the elements."""
        return self.rows * self.inner

    @property
    def num_bytes(self) -> int:
        """Size as stored."""
        return self.num_elements * self.element_bytes

    def shard_elements(self, num_gpus: int) -> int:
        """Count the elements that one GPU keeps: rows are dealt out whole, and every share is as large as the first.

        Source:
            torch/distributed/fsdp/_fully_shard/_fsdp_param.py, `_init_sharded_param`: "0th always padded".
        """
        return -(-self.rows // num_gpus) * self.inner


@dataclass(frozen=True, slots=True)
class Layout:
    """All parameters of a network.

    Attributes:
        parameters: In the order of `Module.parameters()`.
        buffers: (bytes, bytes of an element) of each buffer, in the order of `Module.buffers()`.
    """

    parameters: tuple[Parameter, ...]
    buffers: tuple[tuple[int, int], ...]

    @property
    def trained(self) -> tuple[Parameter, ...]:
        """What gets a gradient."""
        return tuple(parameter for parameter in self.parameters if parameter.is_trained)

    @property
    def num_layers(self) -> int:
        """Count the layers that are gathered one by one."""
        return max((parameter.group for parameter in self.parameters), default=0) - FIRST_LAYER + 1

    def of_group(self, group: int) -> tuple[Parameter, ...]:
        """Return what is gathered at once; the last norm comes before embeddings that are tied to the head."""
        found = tuple(parameter for parameter in self.parameters if parameter.group == group)
        return tuple(sorted(found, key=lambda one: one.num_elements)) if group == TAIL else found

    def groups(self) -> Iterator[int]:
        """Yield the groups that have parameters in the order in which they are made: layers, embeddings, tail, rest.

        Source:
            accelerate/utils/fsdp_utils.py, `fsdp2_prepare_model`, accelerate 1.15.
        """
        layers = range(FIRST_LAYER, FIRST_LAYER + self.num_layers)
        there = {parameter.group for parameter in self.parameters}
        yield from (group for group in (*layers, EMBEDDINGS, TAIL, ROOT) if group in there)


def pack_layout(layout: Layout) -> str:
    """Write a layout as text of base64."""
    parameters = [[one.group, one.rows, one.inner, one.element_bytes, int(one.is_trained)] for one in layout.parameters]
    raw = json.dumps([parameters, layout.buffers], separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def unpack_layout(text: str) -> Layout:
    """Read what `pack_layout` wrote."""
    parameters, buffers = json.loads(zlib.decompress(base64.b64decode(text)))
    return Layout(
        parameters=tuple(
            Parameter(group, rows, inner, size, bool(trained)) for group, rows, inner, size, trained in parameters
        ),
        buffers=tuple((size, element) for size, element in buffers),
    )
