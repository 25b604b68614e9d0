"""Fewer samples than the steps read.

A run of max_steps reads max_steps x effective batch size samples, and the guides take a quarter more for filtering
and the last incomplete batch. With fewer, the data are read more than once; that can be right, but then it is a
number of epochs. Usually the effective batch size was changed and the number of samples was not.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, number
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject
from recipe_kb.resolve.rules import num_samples

VI = """Ít mẫu hơn số mà các step sẽ đọc.

Chạy max_steps bước sẽ đọc max_steps x effective batch size mẫu, và các hướng dẫn lấy dư một phần tư để trừ hao lúc
lọc dữ liệu và batch cuối bị lẻ. Ít hơn thì dữ liệu bị đọc lại; có thể đúng ý, nhưng khi đó nên đặt bằng số epoch.
Thường là effective batch size đã đổi mà quên đổi số mẫu.
"""
CODE = "KB521"
SEVERITY: Severity = "warning"
SOURCES = ("rule:num-samples",)
GOOD = (
    "max_steps: 1000\nnum_train_samples: 20000\nper_device_train_batch_size: 4\ngradient_accumulation_steps: 4",
    "max_steps: 1000\nnum_train_samples: 40000\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4",
)
BAD = ("max_steps: 1000\nnum_train_samples: 20000\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4",)


def check(subject: Subject) -> Iterator[Found]:
    """Work out the samples of the steps."""
    steps, samples, effective = subject.count("max_steps"), subject.count("num_train_samples"), subject.effective
    if not steps or not samples or not effective:
        return
    headroom = subject.constant("num-samples", "headroom")
    needed = num_samples(steps, effective, headroom)
    if samples < needed:
        what = _("{steps} steps of {effective} samples read {read}, with headroom {needed}; there are {samples}.")
        message = what.format(
            steps=number(steps, 0),
            effective=effective,
            read=number(steps * effective, 0),
            needed=number(needed, 0),
            samples=number(samples, 0),
        )
        severity: Severity = "warning" if samples < steps * effective else "info"
        yield Found(message=message, at=subject.written("num_train_samples"), severity=severity)
