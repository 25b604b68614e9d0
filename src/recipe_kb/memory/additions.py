"""Adding storages to a traced step: what several GPUs allocate beside it, in sizes that no batch changes."""

from collections.abc import Mapping
from dataclasses import replace

from recipe_kb.memory.shape import DENOMINATOR, ShapedStep, Terms, value
from recipe_kb.memory.step import Category, Part

_NOTHING: Terms = (0, 0, 0, 0, 0, 0)


class Additions:
    """Collects new storages and new sizes of a step.

    Args:
        shaped: The step; it is not changed.
    """

    def __init__(self, shaped: ShapedStep) -> None:
        self._shaped = shaped
        step = shaped.step
        self._terms = list(shaped.terms)
        self._numbers = list(step.num_bytes)
        self._categories = list(step.categories)
        self._streams = dict(step.streams)
        self._on_sync = set(step.on_sync)

    def storage(
        self, num_bytes: int, category: Category = "exchange", *, stream: int = 0, on_sync: bool = False
    ) -> int:
        """Add a storage and return its number."""
        self._numbers.append(self._constant(num_bytes))
        self._categories.append(category)
        index = len(self._numbers) - 1
        if stream:
            self._streams[index] = stream
        if on_sync:
            self._on_sync.add(index)
        return index

    def copy_of(self, storage: int) -> int:
        """Add a storage that is as large as another at every batch and length."""
        index = self.storage(0, self._categories[storage])
        self._numbers[index] = self._numbers[storage]
        return index

    def resize(self, storage: int, num_bytes: int) -> None:
        """Give a storage another size, which no batch changes; 0 for none."""
        self._numbers[storage] = self._constant(num_bytes)

    def num_bytes(self, storage: int, rows: int = 2, length: int = 128) -> int:
        """Return the size of a storage."""
        return value(self._terms[self._numbers[storage]], rows, length)

    def made(self, parts: Mapping[Part, tuple[int, ...]], gradients: tuple[tuple[int, int], ...]) -> ShapedStep:
        """Return the step with these parts and the storages that were added."""
        step = replace(
            self._shaped.step,
            parts=parts,
            num_bytes=tuple(self._numbers),
            categories=tuple(self._categories),
            gradients=gradients,
            streams=self._streams,
            on_sync=frozenset(self._on_sync),
        )
        return replace(self._shaped, step=step, terms=tuple(self._terms))

    def _constant(self, num_bytes: int) -> int:
        self._terms.append((num_bytes * DENOMINATOR, *_NOTHING[1:]))
        return len(self._terms) - 1
