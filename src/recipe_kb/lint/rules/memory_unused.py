"""Less than 70 % of the card's memory is predicted to be used, and a larger batch would fit.

A larger batch can train faster, if the GPU was not full of work already. Whether it does here, only a measurement
says: `kb tune` makes it. The threshold is one of the guides', whose verdict is "unverified"; so this is a hint and no
fault.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, percent
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, is_traced, predicted
from recipe_kb.lint.subject import EVALUATION, TRAIN, Subject

VI = """Dự đoán chỉ dùng chưa tới 70% bộ nhớ của card, và batch lớn hơn vẫn vừa.

Batch lớn hơn có thể train nhanh hơn, nếu GPU chưa kín việc. Ở đây có nhanh hơn hay không thì phải đo: `kb tune` làm
việc đó. Ngưỡng này lấy từ hướng dẫn, được xếp loại "unverified"; vì vậy đây chỉ là gợi ý, không phải lỗi.
"""
CODE = "KB506"
SEVERITY: Severity = "info"
SOURCES = ("claim:002-48", "rule:memory-estimate")
GOOD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 40\nfp16: true",
    "per_device_train_batch_size: 1",
)
BAD = ("# gpu=h100-80gb model=biobert max_length=128\nper_device_train_batch_size: 16\nbf16: true",)
SIGN = "memory-70-to-95"


def check(subject: Subject) -> Iterator[Found]:
    """Predict the run, and the one with twice the batch."""
    cell, setting = cell_of(subject), subject.written(TRAIN)
    if cell is None or setting is None or subject.accumulation != 1 or not is_traced(subject, cell):
        return
    memory = predicted(subject, cell)
    low = next((sign.low for sign in subject.store.signs() if sign.id == SIGN), None)
    twice = cell.changed(
        **{
            TRAIN: 2 * cell.settings.per_device_train_batch_size,
            EVALUATION: 2 * cell.settings.per_device_eval_batch_size,
        }
    )
    if memory is None or low is None or memory.share >= low or not fits(subject, twice):
        return
    what = _(
        "Predicted use of the card's memory: {share}. Twice the batch fits; `kb tune` measures whether it is faster."
    )
    yield Found(message=what.format(share=percent(memory.share)), at=setting)
