"""A card that is played: probes whose evidence says what a card with so much memory and so much speed would."""

from contextlib import contextmanager

from recipe_kb.resolve.recipe_hash import recipe_hash
from recipe_kb.schema.evidence import SCHEMA, Evidence, Measured


class PlayedGpu:
    """Answers requests; `asked` are the batches, in order.

    Args:
        gpu_name: What CUDA would call it.
        error: Share by which a run takes more than predicted.
        limit_bytes: What its allocator may reserve.
        overhead_rows: Rows whose time a micro-batch costs besides its own.
        confirmed: What the evidence confirms.
        verdicts: Batch to verdict, where it is not the memory that decides.
    """

    def __init__(
        self,
        gpu_name="Tesla T4",
        *,
        error=0.0,
        limit_bytes=15_479_078_912,
        overhead_rows=4,
        confirmed=("trains", "gradients_finite", "loss_falls", "memory", "speed", "precision"),
        verdicts=(),
    ):
        self.gpu_name, self.error, self.limit_bytes = gpu_name, error, limit_bytes
        self.overhead_rows, self.confirmed, self.verdicts = overhead_rows, confirmed, dict(verdicts)
        self.asked, self.requests = [], []

    @contextmanager
    def probes(self):
        yield self.probe

    def probe(self, request):
        settings = request.recipe.settings
        batch = settings.per_device_train_batch_size
        self.asked.append(batch)
        self.requests.append(request)
        needed = int(request.predicted_reserved_bytes * (1 + self.error))
        verdict = self.verdicts.get(batch, "oom" if needed > self.limit_bytes else "passed")
        rate = 100 * batch / (batch + self.overhead_rows)
        ran = verdict in {"passed", "no_progress", "alloc_retries"}
        return Evidence(
            schema=SCHEMA,
            recipe=request.recipe_id,
            started="2026-11-25T08:00:00+00:00",
            mode="native",
            gpu_name=self.gpu_name,
            verdict=verdict,
            reason=None if ran else f"{verdict} it was",
            confirmed=self.confirmed if verdict == "passed" else (),
            needs_gpu=(),
            deviations=(),
            measured=self._measured(rate, needed, retries=2 * (verdict == "alloc_retries")) if ran else None,
            fingerprint={"recipe_sha256": recipe_hash(request.recipe)},
            predicted_reserved_bytes=request.predicted_reserved_bytes,
        )

    def _measured(self, rate, needed, *, retries):
        return Measured(
            num_steps=16,
            num_micro_batches=16,
            loss_first=2.0,
            loss_last=1.0,
            grad_norm_max=1.0,
            num_skipped_steps=0,
            step_time_s_median=1.0,
            step_time_s_p10=1.0,
            step_time_s_p90=1.0,
            samples_per_s=rate,
            tokens_per_s=rate * 512,
            mfu=None,
            peak_allocated_bytes=needed,
            peak_reserved_bytes=needed,
            device_used_bytes=None,
            process_peak_rss_bytes=None,
            num_alloc_retries=retries,
            wall_s=5.0,
        )
