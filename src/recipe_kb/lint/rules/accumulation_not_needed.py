"""Gradient accumulation where the whole effective batch fits.

On one card accumulation saves memory and nothing else: the same samples take more passes. Where the larger batch is
predicted to fit, the same training needs no accumulation, or less.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, is_traced
from recipe_kb.lint.subject import ACCUMULATION, EVALUATION, TRAIN, Subject
from recipe_kb.resolve.rules import keep_effective_batch

VI = """Dùng gradient accumulation trong khi cả effective batch đều vừa bộ nhớ.

Trên một card, gradient accumulation chỉ để tiết kiệm bộ nhớ: cùng số mẫu nhưng phải chạy nhiều lượt hơn. Khi batch
lớn hơn được dự đoán là vừa thì cùng lần train đó không cần accumulation, hoặc cần ít hơn.
"""
CODE = "KB507"
SEVERITY: Severity = "warning"
SOURCES = ("rule:keep-effective-batch", "rule:memory-estimate")
GOOD = (
    (
        "# gpu=rtx-3070 model=biobert max_length=512\nper_device_train_batch_size: 24\ngradient_accumulation_steps: 3\n"
        "fp16: true"
    ),
    "per_device_train_batch_size: 8\ngradient_accumulation_steps: 4",
)
BAD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4\nfp16: true",
)


def check(subject: Subject) -> Iterator[Found]:
    """Look for the largest batch of the same effective batch that fits."""
    cell, setting = cell_of(subject), subject.written(ACCUMULATION)
    batch, accumulation = subject.batch, subject.accumulation
    if cell is None or setting is None or not batch or not accumulation or accumulation < 2:  # noqa: PLR2004
        return
    if not is_traced(subject, cell) or not fits(subject, cell):
        return
    evaluation = cell.settings.per_device_eval_batch_size
    for larger in range(batch * accumulation, batch, -1):
        steps = keep_effective_batch(batch * accumulation, larger)
        if steps and fits(subject, cell.changed(**{TRAIN: larger, ACCUMULATION: steps, EVALUATION: evaluation})):
            what = _(
                "{larger} x {steps} is predicted to fit too: the same effective batch of {effective}, fewer passes."
            )
            message = what.format(larger=larger, steps=steps, effective=subject.effective)
            yield Found(message=message, at=setting, severity=None if steps == 1 else "info")
            return
