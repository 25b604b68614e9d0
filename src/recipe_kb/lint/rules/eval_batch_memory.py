"""The evaluation batch is predicted to take more memory than the card has, though training fits.

A run of hours then ends at its first evaluation. The predicted peak comes from the traced step of the model, at the
length and precision of the configuration; `kb predict` shows its parts.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, is_traced, predicted, words
from recipe_kb.lint.subject import EVALUATION, Subject

VI = """Batch eval được dự đoán là tốn nhiều bộ nhớ hơn card có, dù train thì vừa.

Khi đó lần chạy hàng giờ sẽ dừng ngay ở lượt eval đầu tiên. Mức bộ nhớ dự đoán lấy từ trace một bước của mô hình, ở độ
dài và precision của cấu hình; `kb predict` cho xem từng phần.
"""
CODE = "KB504"
SEVERITY: Severity = "error"
SOURCES = ("rule:memory-estimate", "claim:000-05")
GOOD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\nper_device_eval_batch_size: 32",
    "per_device_train_batch_size: 16\nper_device_eval_batch_size: 1024",
)
BAD = (
    (
        "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\nper_device_eval_batch_size: 1024\n"
        "fp16: true"
    ),
)


def check(subject: Subject) -> Iterator[Found]:
    """Predict the run with its evaluation, and with one of a single row."""
    cell, setting = cell_of(subject), subject.written(EVALUATION)
    if cell is None or setting is None or not is_traced(subject, cell) or fits(subject, cell):
        return
    memory = predicted(subject, cell)
    if memory is None or not fits(subject, cell.changed(**{EVALUATION: 1})):
        return
    what = _("{prediction}, with the evaluation batch of {batch}; training alone fits.")
    message = what.format(prediction=words(cell, memory), batch=setting.value)
    doubled = min(2, setting.value / (subject.batch or 1)) * (subject.batch or 1)
    smaller = cell.changed(**{EVALUATION: int(doubled)})
    edits = subject.replaced(setting, str(int(doubled))) if fits(subject, smaller) else ()
    yield Found(message=message, at=setting, edits=edits)
