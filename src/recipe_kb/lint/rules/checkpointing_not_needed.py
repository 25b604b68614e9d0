"""Gradient checkpointing where the run fits without it.

Checkpointing computes every activation twice to keep fewer of them: about a third more work. Where the same settings
are predicted to fit without, that work buys nothing. The results do not change, so it can be turned off safely.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, gib
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, is_traced, predicted
from recipe_kb.lint.subject import Subject

VI = """Bật gradient checkpointing trong khi không có nó vẫn vừa bộ nhớ.

Checkpointing tính lại activation để giữ ít hơn: thêm khoảng một phần ba khối lượng tính. Khi cùng thiết lập đó được
dự đoán là vừa mà không cần nó thì phần tính thêm chẳng đổi lấy gì. Kết quả không thay đổi, nên tắt đi là an toàn.
"""
CODE = "KB524"
SEVERITY: Severity = "warning"
SOURCES = ("rule:memory-estimate", "claim:004-20", "source:korthikanti-2022")
GOOD = (
    (
        "# gpu=rtx-3070 model=biobert max_length=512\nper_device_train_batch_size: 64\nfp16: true\n"
        "gradient_checkpointing: true"
    ),
    "gradient_checkpointing: true",
)
BAD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\nfp16: true\ngradient_checkpointing: true",
)


def check(subject: Subject) -> Iterator[Found]:
    """Predict the run without it."""
    setting = subject.written("gradient_checkpointing")
    if setting is None or setting.value is not True:
        return
    cell = cell_of(subject)
    if cell is None or not is_traced(subject, cell):
        return
    without = cell.changed(gradient_checkpointing=False)
    memory = predicted(subject, without)
    if memory is None or memory.method != "traced" or not fits(subject, without):
        return
    what = _("Without it the peak is predicted at {peak} of {limit}: it fits, and each step does less work.")
    message = what.format(peak=gib(memory.interval[1]), limit=gib(memory.limit_bytes))
    yield Found(message=message, at=setting, edits=subject.turned_off(setting))
