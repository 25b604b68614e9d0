"""The one call that answers a spec: trace the job, replay it."""

import random
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from memory_grid.configuration import Configuration
from torch import nn

from accuracy.build import batch_of, build_model
from accuracy.old_torch import keeps_softmax_input
from accuracy.spec import CannotPredictError, RowPrediction, RowSpec
from recipe_kb.memory.gpu import Context, best_sdpa_kernel, device_of
from recipe_kb.memory.predict import Question, peak_of
from recipe_kb.memory.replay import Peak
from recipe_kb.memory.schedule import Plan
from recipe_kb.memory.shape import constant, shaped
from recipe_kb.memory.step import Step
from recipe_kb.schema.gpu import Gpu
from recipe_kb.store.location import default_root
from recipe_kb.store.names import find_gpu
from recipe_kb.store.store import Store
from recipe_kb.tracing.optimizers import Adam8bit
from recipe_kb.tracing.trace import Job, trace
from recipe_kb.units import MIB

_AMP = {"fp16-amp": torch.float16, "bf16-amp": torch.bfloat16}
_SHORTER = 64
"""Second length at which a job of varying lengths is traced, in tokens."""
_RUNS, _STEPS = 16, 4
"""Draws of lengths for a job of varying lengths, and steps of each: xMem's runs stopped after four."""


def predict_row(spec: RowSpec) -> RowPrediction:
    """Predict the peak memory of a spec.

    Raises:
        CannotPredictError: Part of the spec is not modelled.
    """
    start = time.perf_counter()
    if spec.optimizer == "none":
        return _placed(spec, start)
    store = Store(default_root())
    gpu = _gpu(store, spec.gpu)
    question = _grid_question(spec, store, gpu) if spec.configuration else _table_question(spec, store, gpu)
    peak, interval = peak_of(question)
    return _answer(spec, peak, interval, time.perf_counter() - start)


def _answer(spec: RowSpec, peak: Peak, interval: tuple[int, int], seconds: float) -> RowPrediction:
    reserved, allocated = peak.reserved_bytes / MIB, peak.allocated_bytes / MIB
    low, high = (end / MIB for end in interval)
    if spec.counter == "device":
        low, high = low + spec.context_mib, high + spec.context_mib
    elif spec.counter == "allocated":
        low, high = low * allocated / reserved, high * allocated / reserved
    notes = (f"{peak.num_alloc_retries} allocation retries",) if peak.num_alloc_retries else ()
    return RowPrediction(
        peak_allocated_mib=allocated,
        peak_reserved_mib=reserved,
        device_mib=reserved + spec.context_mib,
        low=low,
        high=high,
        seconds=seconds,
        notes=notes + (("predicted to run out of memory",) if peak.out_of_memory else ()),
    )


def _placed(spec: RowSpec, start: float) -> RowPrediction:
    """Answer for a network that is only moved to the GPU."""
    with torch.device("meta"):
        model = build_model(spec)
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers())) / MIB
    device = size + spec.context_mib
    return RowPrediction(
        peak_allocated_mib=size,
        peak_reserved_mib=size,
        device_mib=device,
        low=device,
        high=device,
        seconds=time.perf_counter() - start,
    )


def _gpu(store: Store, name: str) -> Gpu | None:
    from recipe_kb.errors import BadInputError

    try:
        return store.gpu(find_gpu(store, name))
    except BadInputError:
        return None


def _table_question(spec: RowSpec, store: Store, gpu: Gpu | None) -> Question:
    job = Job(
        build=lambda: _network(spec),
        inputs=lambda rows, length: batch_of(replace(spec, batch=rows), length),
        drops_mask=False,
        optimizer=_optimizer(spec),
        autocast=_AMP.get(spec.precision),
        sdpa=best_sdpa_kernel(gpu),
        gradient_checkpointing=spec.checkpointing != "no",
        loop=spec.loop,
        max_grad_norm=spec.max_grad_norm or 0.0,
        host_scalars=True,
        logit_width=spec.config.get("vocab_size", 2),
    )
    draws: list[list[int]] = []
    if spec.dynamic and spec.length > _SHORTER:
        draws = _draws(spec)
        rows = max(2, spec.batch)  # one row is a special case, of a few kilobytes
        points = ((rows, spec.length), (rows + 1, spec.length), (rows, _SHORTER))
        step = shaped({(rows, length): _traced(job, spec, rows, length) for rows, length in points})
    else:
        step = constant(_traced(job, spec, spec.batch, spec.length))
    in_place = spec.torch is not None and spec.torch < (2, 0)
    return Question(
        step=step,
        rows=spec.batch,
        length=spec.length,
        draws=draws,
        plan=Plan(loop=spec.loop, accumulation=spec.accumulation, zeroes_in_place=in_place),
        device=device_of(gpu, store.cuda()),
        context=Context(low_bytes=0, high_bytes=0, measured=True, sources=()),
        total_bytes=round((spec.capacity_mib or 2**20) * MIB),
    )


def _traced(job: Job, spec: RowSpec, rows: int, length: int) -> Step:
    with keeps_softmax_input(spec.torch):
        return trace(job, rows=rows, length=length, evaluation_rows=0)


def _network(spec: RowSpec) -> nn.Module:
    network = build_model(spec)
    if spec.loop == "trainer" and hasattr(network.config, "use_cache"):
        network.config.use_cache = False
    return network


def _optimizer(spec: RowSpec) -> Callable[[nn.Module], torch.optim.Optimizer]:
    if spec.optimizer_from == "bitsandbytes":  # made by hand there, without Trainer's exception for embeddings
        if spec.optimizer not in ("Adam8bit", "AdamW8bit"):
            raise CannotPredictError(f"bitsandbytes' {spec.optimizer} is not modelled")
        return lambda network: Adam8bit(network, paged=False, embeddings_32bit=False)
    if spec.optimizer == "Adafactor" and spec.optimizer_from == "transformers":
        from transformers.optimization import Adafactor

        return lambda network: Adafactor(network.parameters(), lr=1e-3, relative_step=False, scale_parameter=False)
    optimizer = getattr(torch.optim, spec.optimizer, None)
    if optimizer is None:
        raise CannotPredictError(f"torch.optim has no {spec.optimizer}")
    return lambda network: optimizer(network.parameters(), lr=1e-3, foreach=spec.foreach)


def _draws(spec: RowSpec) -> list[list[int]]:
    """Draw padded lengths of successive micro-batches of wikitext-2 lines, cut at `spec.length` tokens.

    A third of its lines are empty, a sixth are headings, the others paragraphs of about 110 tokens; a micro-batch is
    as long as its longest line. These shares are an assumption of this benchmark, not of the predictor.
    """
    generator = random.Random(spec.id)  # noqa: S311 - draws of a benchmark
    return [
        [max(_line(generator, spec.length) for _ in range(spec.batch)) for _ in range(_STEPS)] for _ in range(_RUNS)
    ]


def _line(generator: random.Random, longest: int) -> int:
    kind = generator.random()
    if kind < 1 / 3:
        return 1
    if kind < 1 / 2:
        return generator.randint(4, 12)
    return min(longest, max(1, round(generator.lognormvariate(4.7, 0.7))))


def _grid_question(spec: RowSpec, store: Store, gpu: Gpu | None) -> Question:
    """Ask about a run of our own grid, as it was run: rows of full length unless it was padded."""
    from recipe_kb.tracing.job import job_of

    configuration = Configuration.from_json(spec.configuration or {})
    model, settings = store.model(configuration.model), configuration.settings
    job = job_of(
        model,
        settings,
        tasks=configuration.tasks,
        mixing=configuration.mixing,
        method=configuration.method,
        sdpa=best_sdpa_kernel(gpu),
        padded=configuration.padding,
    )
    step = trace(
        job,
        rows=settings.per_device_train_batch_size,
        length=configuration.max_length,
        evaluation_rows=settings.per_device_eval_batch_size if configuration.run == "evaluate" else 0,
    )
    evaluates = configuration.run == "evaluate"
    return Question(
        step=constant(step),
        rows=settings.per_device_train_batch_size,
        length=configuration.max_length,
        plan=Plan(
            loop="trainer",
            accumulation=settings.gradient_accumulation_steps,
            steps=0 if evaluates else 2,
            evaluation_batches=configuration.num_eval_batches if evaluates else 0,
        ),
        device=device_of(gpu, store.cuda()),
        context=Context(low_bytes=0, high_bytes=0, measured=True, sources=()),
        total_bytes=round((spec.capacity_mib or 2**20) * MIB),
    )
