"""TF32 on a card that has none.

TF32 came with Ampere (compute capability 8.0). On an older card transformers raises a ValueError for tf32=True and
the run does not begin.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Bật TF32 trên card không hỗ trợ.

TF32 có từ đời Ampere (compute capability 8.0). Trên card cũ hơn, transformers báo ValueError khi gặp tf32=True và lần
chạy không bắt đầu được.
"""
CODE = "KB510"
SEVERITY: Severity = "error"
SOURCES = ("rule:precision", "claim:000-20", "source:transformers-5.23")
GOOD = ("# gpu=rtx-3070\ntf32: true", "# gpu=t4\ntf32: false", "tf32: true")
BAD = ("# gpu=t4\ntf32: true  # Tensor Float 32",)


def check(subject: Subject) -> Iterator[Found]:
    """Ask the card."""
    setting = subject.written("tf32")
    if setting is None or setting.value is not True or subject.gpu is None:
        return
    if not subject.gpu.supports.tf32:
        what = _("{gpu} has no TF32; transformers refuses to start.").format(gpu=subject.gpu.name)
        yield Found(message=what, at=setting, edits=subject.turned_off(setting))
