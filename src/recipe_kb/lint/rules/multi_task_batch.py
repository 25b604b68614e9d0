"""A smaller batch for several tasks, for a reason that is not true.

Interleaved tasks take turns: every mini-batch holds one task, so memory is that of one task and about a hundred
kilobytes per head. A comment that halves the batch "because several data sets need more memory" is wrong about the
reason. Only joint mixing, where one backward pass spans a batch of every task, multiplies the activations.

A smaller batch can be right for another reason, such as very small data sets: then the comment should say that one.
"""

import re
from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.comments import above, after, beside
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import TRAIN, Subject

VI = """Giảm batch khi có nhiều task, vì một lý do không đúng.

Các task xen kẽ nhau (interleaved) thay phiên: mỗi mini-batch chỉ chứa một task, nên bộ nhớ bằng lúc train một task
cộng khoảng một trăm kilobyte cho mỗi head. Chú thích giảm batch còn một nửa "vì nhiều tập dữ liệu tốn bộ nhớ hơn" là
sai về lý do. Chỉ khi trộn chung (joint), một lần backward đi qua batch của mọi task, thì activation mới nhân lên.

Batch nhỏ hơn vẫn có thể đúng vì lý do khác, ví dụ dữ liệu rất ít: khi đó chú thích nên ghi lý do ấy.
"""
CODE = "KB526"
SEVERITY: Severity = "warning"
SOURCES = ("rule:num-tasks", "claim:002-31", "claim:002-33", "claim:002-34", "claim:002-52")
GOOD = (
    "# tasks=8\nper_device_train_batch_size: 32  # interleaved: as for one task",
    "# tasks=8\nper_device_train_batch_size: 8  # half: the data sets have 300 rows",
    "per_device_train_batch_size: 16  # half, as memory was full",
    "# tasks=8\nper_device_train_batch_size: 4  # half: joint needs more memory",
)
BAD = (
    "# tasks=2\nper_device_train_batch_size: 16  # Half size\n# Sampling from several datasets needs more memory",
    "per_device_train_batch_size: 16  # Half of single-task",
    "# Multi-task (8 datasets)\nper_device_train_batch_size: 8  # Quarter size",
    "# label=Single-task\nper_device_train_batch_size: 32\n---\n# label=Multi-task\nper_device_train_batch_size: 16",
    "per_device_train_batch_size: 8  # multi-task: a quarter, needs more memory",
    "per_device_train_batch_size: 16  # giảm một nửa vì multi-task tốn bộ nhớ hơn",
)
_SMALLER = re.compile(
    r"\b(?:half|halved|halve|quarter|smaller|reduced?|lower(?:ed)?)\b|một nửa|phần tư|giảm|nhỏ hơn", re.IGNORECASE
)
_MEMORY = re.compile(r"\b(?:memory|vram|oom|out of memory)\b|bộ nhớ", re.IGNORECASE)
_SEVERAL = re.compile(
    r"\b(?:multi[- ]?task\w*|single[- ]task|(?:several|multiple|more|all|\d+)\s+(?:tasks|data\s?sets))\b|"
    r"nhiều\s+(?:task|tập)",
    re.IGNORECASE,
)


_JOINT = re.compile(r"\bjoint(?:ly)?\b|trộn chung", re.IGNORECASE)
_SINGLE = re.compile(r"\bsingle[- ]?task\b|\bmột task\b", re.IGNORECASE)
_NO_REASON = 3
"""So few words, `Half of single-task`, say by how much and not why."""


def check(subject: Subject) -> Iterator[Found]:
    """Read the comments around every batch."""
    if subject.word("task_mixing") == "joint":
        return
    found = list(_for_memory(subject))
    yield from found or _against_single(subject)


def _for_memory(subject: Subject) -> Iterator[Found]:
    for setting in subject.configuration.settings:
        if setting.name != TRAIN:
            continue
        own = beside(setting)
        text = " ".join((above(subject, setting), own, after(subject, setting)))[:2000]
        if _JOINT.search(text):
            continue
        several = bool(_SEVERAL.search(text))
        for_memory = bool(_MEMORY.search(text)) and (several or (subject.tasks or 1) > 1)
        no_reason = several and len(own.split()) <= _NO_REASON
        if _SMALLER.search(text) and (for_memory or no_reason):
            what = _("Interleaved tasks take the memory of one task, so the batch need not shrink: rule num-tasks.")
            yield Found(message=what, at=setting)


def _against_single(subject: Subject) -> Iterator[Found]:
    """Compare with a configuration of the same file that is for one task, as tables of recommendations have them."""
    setting, batch = subject.written(TRAIN), subject.batch
    if setting is None or not batch or not _SEVERAL.search(subject.configuration.label):
        return
    if _SINGLE.search(subject.configuration.label):
        return
    for other in subject.others:
        single = Subject(configuration=other, store=subject.store, asked=subject.asked).batch
        if single and single > batch and _SINGLE.search(other.label):
            what = _("A batch of {single} stands for a single task; interleaved tasks take its memory: rule num-tasks.")
            yield Found(message=what.format(single=single), at=setting, severity="info")
            return
