"""The effective batch changed and the learning rate did not.

With Adam the learning rate follows the square root of the effective batch, with SGD it follows in proportion: a start
for a search, not a law. Reported is a published rate at least one doubling away from the batch that it belongs to,
and a configuration that has the same rate as an earlier one of the same file at another effective batch. Warm-up does
not replace the move.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.published import published_for
from recipe_kb.lint.subject import Subject
from recipe_kb.resolve.rules import linear_sgd, sqrt_adam
from recipe_kb.schema.configuration import Written
from recipe_kb.units import scientific

VI = """Effective batch đã đổi mà learning rate vẫn giữ nguyên.

Với Adam, learning rate đi theo căn bậc hai của effective batch size, với SGD thì tỉ lệ thuận: đây là điểm xuất phát
để thử, không phải định luật. Bị báo là learning rate đã công bố nhưng dùng ở batch cách ít nhất một lần gấp đôi so
với batch gốc của nó, và cấu hình có cùng learning rate với một cấu hình đứng trước trong file nhưng khác effective
batch. Warm-up không thay thế được việc này.
"""
CODE = "KB518"
SEVERITY: Severity = "info"
SOURCES = ("rule:sqrt-adam", "rule:linear-sgd", "claim:002-30", "claim:002-35", "claim:003-33")
GOOD = (
    "# model=biobert\nper_device_train_batch_size: 64\nlearning_rate: 3e-5",
    "# model=bert-base-cased\nper_device_train_batch_size: 128\nlearning_rate: 6e-5",
    (
        "per_device_train_batch_size: 32\nlearning_rate: 2e-5\n---\nper_device_train_batch_size: 16\n"
        "gradient_accumulation_steps: 2\nlearning_rate: 2e-5"
    ),
)
BAD = (
    "# model=bert-base-cased\nper_device_train_batch_size: 128\nlearning_rate: 3e-5",
    "per_device_train_batch_size: 32\nlearning_rate: 2e-5\n---\nper_device_train_batch_size: 16\nlearning_rate: 2e-5",
)
_DOUBLING = 2


def check(subject: Subject) -> Iterator[Found]:
    """Compare with what was published, then with what stands before in the file."""
    setting, rate, effective = subject.written("learning_rate"), subject.number("learning_rate"), subject.effective
    if setting is None or not rate or rate < 0 or not effective:
        return
    published = published_for(subject)
    if published and subject.method == "full":
        nearest = min(max(effective, published.batches[0]), published.batches[1])
        if max(effective, nearest) >= _DOUBLING * min(effective, nearest) and _is_published(subject, rate):
            what = _("{rate} was published at an effective batch size of {batch}; at {effective} it would be {moved}.")
            yield _found(subject, setting, what, rate, nearest, effective)
            return
    for other in reversed(subject.others):
        before = Subject(configuration=other, store=subject.store, asked=subject.asked, lines=subject.lines)
        if before.model_id != subject.model_id or before.method != subject.method:
            continue
        batch = before.effective
        if before.number("learning_rate") == rate and batch and batch != effective:
            if max(effective, batch) >= _DOUBLING * min(effective, batch):
                what = _(
                    "The same {rate} stands at an effective batch size of {batch}; at {effective} it would be {moved}."
                )
                yield _found(subject, setting, what, rate, batch, effective)
            return


def _found(subject: Subject, setting: Written, what: str, rate: float, batch: int, effective: int) -> Found:
    move = linear_sgd if subject.optimizer == "sgd" else sqrt_adam
    moved = scientific(float(f"{move(rate, batch, effective):.1e}"))
    return Found(message=what.format(rate=scientific(rate), batch=batch, effective=effective, moved=moved), at=setting)


def _is_published(subject: Subject, rate: float) -> bool:
    tuned = subject.model.fine_tuning if subject.model else None
    return tuned is not None and rate in {tuned.learning_rate, *tuned.learning_rates}
