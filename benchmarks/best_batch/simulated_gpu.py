"""A GPU to search on: time with overhead and waves, memory with an error of the prediction, a limit that is real."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from recipe_kb.tune.candidates import Forecast, Shape
from recipe_kb.tune.trial import Measurement, Room

MARGIN = 0.05


@dataclass(frozen=True)
class SimulatedGpu:
    """Seconds, bytes; `num_sms` tiles of 128 x 128 are computed at once, so that the last wave may be nearly empty."""

    overhead_s: float
    row_s: float
    update_s: float
    tokens: int
    widths: tuple[int, ...]
    num_sms: int
    static_bytes: int
    row_bytes: int
    limit_bytes: int
    error: float
    noise: float
    seed: int

    @property
    def room(self) -> Room:
        """What a run may take on it."""
        return Room(limit_bytes=self.limit_bytes, usable_bytes=int(self.limit_bytes / (1 + MARGIN)))

    def forecast(self, shape: Shape) -> Forecast:
        """Predict memory without the error, and a bound twice the possible speed."""
        bound = 1 / (0.5 * self.row_s)
        reserved = self.static_bytes + shape.batch * self.row_bytes
        return Forecast(
            reserved_bytes=reserved, step_floor_s=shape.effective_batch_size / bound, most_samples_per_s=bound
        )

    def needed_bytes(self, shape: Shape) -> int:
        """Return what a run really takes."""
        return int(self.static_bytes + shape.batch * self.row_bytes * (1 + self.error))

    def samples_per_s(self, shape: Shape) -> float:
        """Return how fast a run really is, where it fits."""
        step_s = shape.accumulation * (self.overhead_s + self._compute_s(shape.batch)) + self.update_s
        return shape.effective_batch_size / step_s

    def _compute_s(self, rows: int) -> float:
        """Half of the time in matrix products that run in whole waves, half in what runs at any size."""
        waste = 0.0
        for width in self.widths:
            tiles = math.ceil(rows * self.tokens / 128) * math.ceil(width / 128)
            waste += math.ceil(tiles / self.num_sms) / (tiles / self.num_sms) / len(self.widths)
        return rows * self.row_s * (0.5 + 0.5 * waste)

    def measure(self, shape: Shape) -> Measurement:
        """Return what a probe says: noise in the time; out of memory, or retries just above the limit."""
        needed = self.needed_bytes(shape)
        noise = 1 + self.noise * random.Random(f"{self.seed} {shape}").uniform(-1, 1)  # noqa: S311
        if needed > 1.03 * self.limit_bytes:
            return Measurement(verdict="oom", samples_per_s=None, peak_reserved_bytes=None, retries=3)
        if needed > self.limit_bytes:
            rate = 0.8 * self.samples_per_s(shape)
            return Measurement(
                verdict="alloc_retries", samples_per_s=rate, peak_reserved_bytes=self.limit_bytes, retries=2
            )
        rate = self.samples_per_s(shape) * noise
        return Measurement(verdict="passed", samples_per_s=rate, peak_reserved_bytes=needed, retries=0)

    def sweeps_best(self, choices: Sequence[Shape]) -> float | None:
        """Return the throughput of the fastest shape that needs no more than may be measured; None if none does."""
        fitting = [shape for shape in choices if self.needed_bytes(shape) <= self.room.most_measured_bytes]
        return max(map(self.samples_per_s, fitting), default=None)


def random_gpu(draw: random.Random) -> SimulatedGpu:
    """Draw a GPU, a network and a length."""
    gib = 2**30
    tokens = draw.choice([32, 64, 128, 256, 512, 1024])
    row_s = 10 ** draw.uniform(-4.3, -1.5) * tokens / 512
    static = int(draw.uniform(0.5, 8) * gib)
    limit = static + int(draw.uniform(0.5, 60) * gib)
    return SimulatedGpu(
        overhead_s=10 ** draw.uniform(-2.5, -1.0),
        row_s=row_s,
        update_s=10 ** draw.uniform(-3, -1.3),
        tokens=tokens,
        widths=tuple(draw.choice([768, 1024, 2304, 3072, 4096]) for _ in range(4)),
        num_sms=draw.choice([40, 46, 58, 72, 82, 108, 132]),
        static_bytes=static,
        row_bytes=int(10 ** draw.uniform(6.8, 8.8)),
        limit_bytes=limit,
        error=draw.gauss(0, 0.02),
        noise=0.003,
        seed=draw.randrange(2**32),
    )
