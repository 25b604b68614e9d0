"""The probe behind a measurement: the shape's own recipe, trained briefly on the GPU of this machine."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from recipe_kb.probe.asked import request_for
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.probe.run import early_child, probe
from recipe_kb.schema.evidence import Evidence
from recipe_kb.schema.gpu import Gpu
from recipe_kb.tune.candidates import Shape
from recipe_kb.tune.search import MOST_PROBES
from recipe_kb.tune.start import Start
from recipe_kb.tune.trial import Measure, Measurement

_ENOUGH_CORES = 4
"""One for each early child, and one for the child that trains."""

Probe = Callable[[ProbeRequest], Evidence]
"""Runs one probe."""


def measured_by(run: Probe, start: Start, *, here: tuple[str, Gpu], num_steps: int | None, timeout_s: float) -> Measure:
    """Return what measures a shape.

    Args:
        run: Runs one probe.
        start: The recipe, and what a shape changes in it.
        here: Id and facts of the GPU in this machine.
        num_steps: Optimizer steps of a probe; None for enough.
        timeout_s: Limit of one probe.
    """

    def measure(batch: int, accumulation: int) -> Measurement:
        answer = start.tried(Shape(batch=batch, accumulation=accumulation))
        request = request_for(answer, device="cuda", here=here, num_steps=num_steps, timeout_s=timeout_s)
        return measurement_of(run(request))

    return measure


def measurement_of(evidence: Evidence) -> Measurement:
    """Take from evidence what the search asks for."""
    measured = evidence.measured
    return Measurement(
        verdict=evidence.verdict,
        samples_per_s=measured.samples_per_s if measured else None,
        peak_reserved_bytes=measured.peak_reserved_bytes if measured else None,
        retries=measured.num_alloc_retries if measured else None,
        evidence=evidence,
    )


@contextmanager
def probes() -> Iterator[Probe]:
    """Yield what runs probes, each in a child that was started ahead and has imported torch by then.

    On few cores only the first is: the imports of the others would slow down what is being measured.
    """
    num_early = MOST_PROBES if (os.cpu_count() or 1) >= _ENOUGH_CORES else 1
    with ExitStack() as stack:
        early = [stack.enter_context(early_child()) for _ in range(num_early)]

        def run(request: ProbeRequest) -> Evidence:
            return probe(request, waiting=early.pop(0) if early else None)

        yield run
