"""The length is more than the model has positions for.

A token beyond the last position has no embedding: the run ends with an index error, on a GPU as "device-side assert".
PhoBERT takes 256 tokens, most BERT-like models 512.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Độ dài vượt quá số vị trí mà mô hình có.

Token nằm sau vị trí cuối cùng không có embedding: lần chạy dừng với lỗi chỉ số, trên GPU là "device-side assert".
PhoBERT nhận 256 token, phần lớn mô hình kiểu BERT nhận 512.
"""
CODE = "KB520"
SEVERITY: Severity = "error"
SOURCES: tuple[str, ...] = ("source:phobert-readme",)
GOOD = (
    "# model=phobert-base\nmax_length: 256",
    "# model=biobert max_length=512\nlearning_rate: 3e-5",
    "max_length: 9999",
)
BAD = (
    "# model=phobert-base\nlearning_rate: 3e-5\nmax_length: 512",
    "# model=biobert max_length=1024\nlearning_rate: 3e-5",
)


def check(subject: Subject) -> Iterator[Found]:
    """Ask the model."""
    length = subject.max_length
    if not length or subject.model is None or length <= subject.model.max_length:
        return
    what = _("{model} takes {longest} tokens at most, not {length}.")
    message = what.format(model=subject.model_id, longest=subject.model.max_length, length=length)
    setting = subject.written("max_length")
    if setting and subject.count("max_length") == length:
        yield Found(message=message, at=setting, edits=subject.replaced(setting, str(subject.model.max_length)))
    else:
        line = None if subject.asked.max_length else subject.configuration.context.lines.get("max_length")
        yield Found(message=message, line=line)
