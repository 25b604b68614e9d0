"""A comment, or a space, after the backslash that should continue a shell command.

A backslash escapes only the very next character. If that is a space, the command ends on this line, and the flags
below it are run as a command of their own: the training starts without them, and the error comes when it is over.
"""

import re
from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Edit, Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Có chú thích hoặc dấu cách sau dấu \\ nối dòng của lệnh shell.

Dấu \\ chỉ có tác dụng với đúng ký tự kế tiếp. Nếu đó là dấu cách thì lệnh kết thúc ngay ở dòng này, còn các cờ bên
dưới được chạy như một lệnh riêng: lần train bắt đầu mà thiếu chúng, và lỗi chỉ hiện ra khi nó đã xong.
"""
CODE = "KB529"
SEVERITY: Severity = "error"
SOURCES = ("claim:003-01",)
GOOD = ("python train.py \\\n    --per_device_train_batch_size 8 \\\n    --gradient_accumulation_steps 2  # flags",)
BAD = (
    "python train.py \\\n    --per_device_train_batch_size 8 \\   # change this\n    --gradient_accumulation_steps 2",
    "python train.py \\\n    --per_device_train_batch_size 8 \\  \n    --gradient_accumulation_steps 2",
)
_BROKEN = re.compile(r"[^\\#]*[^\\#\s]\s+\\(?P<rest>[ \t]+(?:#.*)?)$")


def check(subject: Subject) -> Iterator[Found]:
    """Look at the lines of a shell command; the last one continues nothing."""
    if subject.configuration.kind != "shell":
        return
    first, last = subject.configuration.lines
    for number in range(max(first, 1), min(last, len(subject.lines)) + 1):
        line = subject.line(number) or ""
        match = _BROKEN.match(line[:2000])
        if match and len(line) <= 2000:  # noqa: PLR2004 - longer lines are no commands that people wrote
            what = _("A backslash continues the line only as its last character: the flags below are cut off.")
            edit = Edit(line=number, start=match.start("rest"), end=match.end("rest"), text="")
            yield Found(message=what, line=number, edits=(edit,))
