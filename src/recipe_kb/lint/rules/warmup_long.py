"""The warm-up takes more than a tenth of the steps.

A tenth is what encoders use in MT-DNN and BLURB; decoders use less. A fixed number of warm-up steps is the usual way
to take more by accident: 500 steps are half of a run of 1,000, and a learning rate that is still rising at the end of
an epoch trains little.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, number, percent
from recipe_kb.lint.duration import steps_of
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Warm-up dài hơn một phần mười số step.

Một phần mười là mức encoder dùng trong MT-DNN và BLURB; decoder dùng ít hơn. Đặt cứng số step warm-up là cách thường
gặp khiến nó dài quá mà không hay: 500 step là một nửa của lần chạy 1.000 step, và learning rate vẫn còn đang tăng khi
hết epoch thì chẳng train được bao nhiêu.
"""
CODE = "KB519"
SEVERITY: Severity = "warning"
SOURCES = ("rule:warm-up", "claim:002-30", "claim:001-17")
GOOD = (
    "warmup_ratio: 0.06",
    "warmup_steps: 100\nmax_steps: 1000",
    "warmup_steps: 500",
    "# num_samples=20000\nwarmup_steps: 100\nper_device_train_batch_size: 16\nnum_train_epochs: 5",
)
BAD = (
    "warmup_ratio: 0.5",
    "warmup_steps: 500\nmax_steps: 1000",
    "# num_samples=12500\nwarmup_steps: 500\nper_device_train_batch_size: 32\nnum_train_epochs: 1",
)


def check(subject: Subject) -> Iterator[Found]:
    """Compare the share of warm-up with the rule's."""
    longest = subject.constant("warm-up", "encoder_ratio")
    steps, absolute = steps_of(subject), subject.number("warmup_steps")
    setting = subject.written("warmup_steps")
    if setting and absolute and absolute >= 1 and steps:
        if absolute > longest * steps:
            what = _("{warmup} of {steps} steps are warm-up, {share}; a tenth is {tenth}.")
            message = what.format(
                warmup=number(absolute, 0),
                steps=number(steps, 0),
                share=percent(absolute / steps),
                tenth=number(longest * steps, 0),
            )
            yield Found(message=message, at=setting)
        return
    setting, ratio = subject.written("warmup_ratio"), subject.number("warmup_ratio")
    if setting and ratio and ratio > longest:
        what = _("The warm-up takes {share} of all steps; a tenth is the longest that is usual.")
        yield Found(message=what.format(share=percent(ratio)), at=setting)
