"""An argument that this version of transformers does not have.

TrainingArguments refuses a name that it does not know, so the run does not begin. Some names were only changed, and
are mended in place; some never meant what they seem to: fp16_opt_level configured NVIDIA Apex alone, and goes away.
Without `--transformers` the installed version counts. A name that still works and will be removed is a hint. Files of
axolotl, Lightning and LLaMA-Factory are left alone: these read names of their own, or bring their own version.

A name that is one slip away from an argument, such as learing_rate, is a warning: a file of settings that nobody checks
trains with the default instead.
"""

import difflib
import re
from collections.abc import Iterator

from recipe_kb.i18n import _, language
from recipe_kb.lint.finding import Edit, Found, Severity
from recipe_kb.lint.subject import Subject
from recipe_kb.schema.configuration import Written
from recipe_kb.schema.spelling import Change

VI = """Đối số mà phiên bản transformers này không có.

TrainingArguments từ chối tên mà nó không biết, nên lần chạy không bắt đầu được. Có tên chỉ đổi cách gọi và được sửa
ngay tại chỗ; có tên chưa bao giờ mang nghĩa như người ta tưởng: fp16_opt_level chỉ dùng cho NVIDIA Apex, và sẽ bị bỏ
đi. Không ghi `--transformers` thì tính theo phiên bản đã cài. Tên còn dùng được nhưng sắp bị bỏ thì chỉ là gợi ý.
Không xét file của axolotl, Lightning và LLaMA-Factory: chúng đọc tên riêng, hoặc đi kèm phiên bản transformers riêng.

Tên gõ nhầm một chữ, như learing_rate, là cảnh báo: file thiết lập không ai kiểm tra thì cứ thế train bằng giá trị mặc
định.
"""
CODE = "KB508"
SEVERITY: Severity = "error"
SOURCES = ("source:transformers-5.23", "claim:000-11", "claim:000-19", "claim:001-16")
GOOD = (
    "# transformers=5.23.0\nwarmup_steps: 0.1\neval_strategy: steps",
    "# transformers=4.40.0\nwarmup_ratio: 0.1",
    "# transformers=5.23.0 dialect=axolotl\nmicro_batch_size: 2\nwarmup_ratio: 0.1",
)
BAD = (
    "# transformers=5.23.0\nfp16: true\nfp16_opt_level: O1  # Conservative",
    "# transformers=5.23.0\nwarmup_ratio: 0.1",
    "# transformers=5.23.0\nevaluation_strategy: steps",
)

_SHORTEST, _LONGEST, _ALMOST = 8, 60, 0.93
"""Names that one slip of the finger changes; shorter ones are words of other programs."""
_OWN_NAMES = {"axolotl", "lightning", "llamafactory"}
"""Trainers that read names of their own, or bring a version of transformers of their own."""


def check(subject: Subject) -> Iterator[Found]:
    """Look every name up among those that went."""
    if subject.configuration.dialect in _OWN_NAMES:
        return
    went = {change.argument: change for change in subject.store.spellings().changes}
    version = _numbers(subject.asked.transformers)
    for setting in subject.configuration.settings:
        name = setting.written_name.rpartition(".")[2].lstrip("-").replace("-", "_").lower()
        change = went.get(name)
        if change is None:
            continue
        words = {
            "version": subject.asked.transformers,
            "name": name,
            "replacement": change.replacement,
            "how": change.how.get(language()),
        }
        if change.gone is not None and version >= _numbers(change.gone):
            what = (
                _("transformers {version} has no {name}; write {replacement}. {how}")
                if change.replacement
                else _("transformers {version} has no {name}. {how}")
            )
            yield Found(message=what.format(**words), at=setting, edits=_mended(subject, setting, change, name))
        elif change.gone is None and version >= _numbers(change.seen):
            what = _("{name} will go; write {replacement}. {how}") if change.replacement else _("{name} will go. {how}")
            yield Found(message=what.format(**words), at=setting, severity="info")
    yield from _misspelt(subject)


def _misspelt(subject: Subject) -> Iterator[Found]:
    """Offer the nearest name for one that is almost an argument: `learing_rate`."""
    spellings = subject.store.spellings()
    known = {*spellings.arguments, *spellings.settings}
    for missed in subject.configuration.not_understood:
        name = missed.name.rpartition(".")[2].lstrip("-").replace("-", "_").lower()
        if name in known or not _SHORTEST <= len(name) <= _LONGEST:
            continue
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=_ALMOST)
        if nearest:
            what = _("No argument is called {name}. Did you mean {nearest}?")
            yield Found(message=what.format(name=name, nearest=nearest[0]), line=missed.line, severity="warning")


def _mended(subject: Subject, setting: Written, change: Change, name: str) -> tuple[Edit, ...]:
    """Rename where the value means the same, take the line away where nothing replaces it."""
    if change.replacement is None:
        line = subject.line(setting.line) or ""
        alone = rf"\s*(?:--)?[\"']?{re.escape(name)}[\"']?\s*[:=\s]\s*[\"']?{re.escape(setting.written_value)}[\"']?\s*"
        is_alone = len(line) < 1000 and re.fullmatch(alone + r"(?:,|\\)?\s*(?:#.*)?", line)  # noqa: PLR2004 - a line of code
        is_last_flag = line.lstrip().startswith("--") and not line.rstrip().endswith("\\")
        return (Edit(line=setting.line, whole_line=True),) if is_alone and not is_last_flag else ()
    share = name == "warmup_ratio" and isinstance(setting.value, float) and 0 < setting.value < 1
    same_meaning = share or setting.name not in {name, "warmup_ratio"}
    return subject.renamed(setting, change.replacement) if same_meaning else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
