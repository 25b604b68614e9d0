"""A path of one machine.

A path that begins at the root, at a drive or in a home directory exists on one machine only. Whoever copies the
configuration gets an error at best, and at worst the path tells the name of its author. Paths that are the same on
every machine of a service, such as /kaggle and /content, are left alone.
"""

import re
from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Đường dẫn của riêng một máy.

Đường dẫn bắt đầu từ gốc, từ ổ đĩa hay từ thư mục home chỉ tồn tại trên một máy. Người chép cấu hình may thì gặp lỗi,
còn không thì đường dẫn để lộ tên tác giả. Những đường dẫn giống nhau trên mọi máy của một dịch vụ, như /kaggle và
/content, được bỏ qua.
"""
CODE = "KB528"
SEVERITY: Severity = "warning"
SOURCES: tuple[str, ...] = ()
GOOD = ("output_dir: ./out", "output_dir: /kaggle/working/out", "model_name_or_path: dmis-lab/biobert-v1.1")
BAD = (
    "learning_rate: 3e-5\noutput_dir: /home/lan/out",
    "learning_rate: 3e-5\noutput_dir: C:\\Users\\lan\\out",
    "learning_rate: 3e-5\noutput_dir: ~/out",
)
_ABSOLUTE = re.compile(r"/(?!/)[\w.-]+(?:/|$)|~[\w.-]*/|[A-Za-z]:[\\/]|\\\\\w")
_SAME_EVERYWHERE = re.compile(r"/(?:kaggle|content|tmp|dev|proc|opt/conda|opt/ml|workspace)(?:/|$)")


def check(subject: Subject) -> Iterator[Found]:
    """Look at every value that is text."""
    named = [(one.written_name, one.value, one) for one in subject.configuration.settings]
    for name, value, setting in named:
        if isinstance(value, str) and _is_local(value):
            yield Found(message=_("{name} names a path of one machine.").format(name=name), at=setting)
    for unknown in subject.configuration.not_understood:
        if _is_local(unknown.text.strip("'\" ")):
            yield Found(message=_("{name} names a path of one machine.").format(name=unknown.name), line=unknown.line)


def _is_local(text: str) -> bool:
    return bool(_ABSOLUTE.match(text)) and not _SAME_EVERYWHERE.match(text)
