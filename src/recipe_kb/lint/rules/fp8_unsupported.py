"""fp8 on a card that has none.

fp8 matrix products need Ada, Hopper or newer. Elsewhere the library that provides them raises an error, or falls back
without saying so.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Dùng fp8 trên card không hỗ trợ.

Phép nhân ma trận fp8 cần card Ada, Hopper trở lên. Trên card khác, thư viện sẽ báo lỗi, hoặc lẳng lặng quay về định
dạng khác.
"""
CODE = "KB512"
SEVERITY: Severity = "error"
SOURCES = ("rule:precision",)
GOOD = (
    "# gpu=h100-80gb\nper_device_train_batch_size: 8\nmixed_precision: fp8",
    "# gpu=a100-40gb\nper_device_train_batch_size: 8\nmixed_precision: bf16",
)
BAD = (
    "# gpu=a100-40gb\nper_device_train_batch_size: 8\nmixed_precision: fp8",
    "# gpu=t4\nper_device_train_batch_size: 8\nmixed_precision: fp8",
)
_NAMES = frozenset({"precision", "mixed_precision"})


def check(subject: Subject) -> Iterator[Found]:
    """Ask the card; `kb extract` does not understand fp8, so what was not understood counts too."""
    if subject.gpu is None or subject.gpu.supports.fp8:
        return
    what = _("{gpu} has no fp8.").format(gpu=subject.gpu.name)
    for setting in subject.configuration.settings:
        if setting.name in _NAMES and setting.value == "fp8":
            yield Found(message=what, at=setting)
    for unknown in subject.configuration.not_understood:
        if unknown.name.rpartition(".")[2] in _NAMES and unknown.text.strip("'\" ") == "fp8":
            yield Found(message=what, line=unknown.line)
