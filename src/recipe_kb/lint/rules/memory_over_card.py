"""The predicted memory of a training step is more than the card has.

The peak is predicted from a traced step where the knowledge base has one, else from documented figures, which can be
off by a quarter. It is an error where even the low end of the prediction does not fit, a warning where only the
margin is used up. What is not written is assumed as `kb recipe` would answer, and the message names it.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, percent
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, predicted, words
from recipe_kb.lint.subject import EVALUATION, TRAIN, Subject

VI = """Bộ nhớ dự đoán của một bước train lớn hơn bộ nhớ của card.

Mức bộ nhớ được dự đoán từ trace một bước nếu cơ sở tri thức có, nếu không thì từ các số liệu đã công bố, vốn có thể
lệch một phần tư. Là lỗi khi ngay cả cận dưới của dự đoán cũng không vừa, là cảnh báo khi chỉ lấn vào phần dự phòng.
Cái gì không được ghi thì giả định như `kb recipe` sẽ trả lời, và thông báo có nêu rõ.
"""
CODE = "KB505"
SEVERITY: Severity = "error"
SOURCES = ("rule:memory-estimate",)
GOOD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 32\nfp16: true",
    "per_device_train_batch_size: 4096",
)
BAD = (
    "# gpu=rtx-3070 model=biobert max_length=512\nper_device_train_batch_size: 96\nfp16: true",
    "# gpu=a100-40gb model=llama-3.2-3b max_length=512\nper_device_train_batch_size: 32\nbf16: true",
)


def check(subject: Subject) -> Iterator[Found]:
    """Predict the run without its evaluation."""
    cell, setting = cell_of(subject), subject.written(TRAIN)
    if cell is None or setting is None or fits(subject, cell):
        return
    alone = cell.changed(**{EVALUATION: 1})
    memory = predicted(subject, alone)
    if memory is None or (cell != alone and fits(subject, alone)):
        return
    certain = memory.interval[0] > memory.limit_bytes
    what = (
        _("{prediction}: it does not fit.")
        if certain
        else _("{prediction}: less than {margin} stays free, so it may end out of memory.")
    )
    message = what.format(prediction=words(alone, memory), margin=percent(memory.margin))
    yield Found(message=message, at=setting, severity=None if certain else "warning")
