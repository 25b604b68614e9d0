"""A comment states another effective batch size than the settings make.

One optimizer step sees per_device_train_batch_size x gradient_accumulation_steps x number of cards samples. Learning
rate and published results belong to that number, so whoever copies the settings takes the comment at its word.

Read are the comments on the lines of the batch and of the accumulation, the lines directly above and below them, and
an effective batch size that stands among the settings. A comment such as "pushing to 96" over a batch of 16 is one
too.
"""

import re
from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.comments import above, after, beside
from recipe_kb.lint.effective_claims import claims_in
from recipe_kb.lint.finding import Edit, Found, Severity
from recipe_kb.lint.subject import ACCUMULATION, TRAIN, Subject
from recipe_kb.schema.configuration import Written

VI = """Chú thích ghi effective batch size khác với kết quả của các thiết lập.

Mỗi optimizer step thấy per_device_train_batch_size x gradient_accumulation_steps x số card mẫu. Learning rate và kết
quả đã công bố đi theo con số đó, nên người chép lại thiết lập sẽ tin vào lời chú thích.

Quy tắc đọc chú thích trên dòng của batch và của accumulation, các dòng ngay trên và ngay dưới, và cả effective batch
size được ghi như một thiết lập. Chú thích kiểu "đẩy lên 96" đặt trên batch 16 cũng bị báo.
"""
CODE = "KB501"
SEVERITY: Severity = "error"
SOURCES = ("rule:effective-batch", "claim:000-09")
GOOD = (
    "per_device_train_batch_size: 16\ngradient_accumulation_steps: 4  # Effective = 16*4 = 64",
    "per_device_train_batch_size: 48  # instead of 64\ngradient_accumulation_steps: 3\n# Effective batch still = 144",
    "per_device_train_batch_size: 16  # 6x slower than batch 96",
    "# num_gpus=2\nper_device_train_batch_size: 16  # effective batch size 32",
    "per_device_train_batch_size: 32  # Effective = 0.5 of the old one",
    "per_device_train_batch_size: 64\neffective_batch_size: 128",
    "train_micro_batch_size_per_gpu: 8\ngradient_accumulation_steps: 4\ntrain_batch_size: 96",
    "per_device_train_batch_size: 64  # batch 96 needs a larger card",
    "# BATCH SIZE 16 - maximum generalization\nper_device_train_batch_size: 16",
    "# batch 96 thì tràn bộ nhớ\nper_device_train_batch_size: 16",
    "per_device_train_batch_size: 8  # batch hiệu quả 32\ngradient_accumulation_steps: 4",
)
BAD = (
    "per_device_train_batch_size: 16  # Effective batch size: 96\ngradient_accumulation_steps: 1",
    "# batch 96, so that the card is full\nper_device_train_batch_size: 16",
    "# Pushing to 96 to max out the card\nper_device_train_batch_size: 16",
    "per_device_train_batch_size: 48\ngradient_accumulation_steps: 3\n# Effective batch still = 128",
    "per_device_train_batch_size: 8\ngradient_accumulation_steps: 2\neffective_batch_size: 32",
    "train_micro_batch_size_per_gpu: 8\ngradient_accumulation_steps: 4\ntrain_batch_size: 48",
    "per_device_train_batch_size: 8  # batch hiệu dụng: 64\ngradient_accumulation_steps: 4",
    "# batch 96 để lấp đầy 8 GB của card\nper_device_train_batch_size: 16",
    "per_device_train_batch_size: 8  # tổng batch thực tế là 64\ngradient_accumulation_steps: 4",
    "# nâng batch lên 96 cho card chạy hết công suất\nper_device_train_batch_size: 16",
)
_PUSHED = re.compile(
    r"\b(?:push\w*|rais\w*|increas\w*|reduc\w*|lower\w*|set|bump\w*|đẩy|tăng|giảm|đặt|nâng|hạ)\s+(?:(?:the|batch|size)\s+){0,3}"
    r"(?:up\s+)?(?:to|lên|xuống|còn)\s+(?P<number>\d{1,6})\b(?!\s*(?:[%.]|epoch|step|worker|token))",
    re.IGNORECASE,
)

_HEADED = re.compile(
    r"\W*batch(?:[ _-]?size)?\s*[:=]?\s*(?P<number>\d{1,6})(?=\s*(?:[,;:.(\u2013\u2014-]|$)|"
    r"\s+(?:để|nhằm|cho (?:đầy|vừa|kín)|lấp|tận dụng|là vừa)\b)",
    re.IGNORECASE,
)
"""A comment that begins like a heading: `BATCH SIZE 96 - maximum speed`."""


def check(subject: Subject) -> Iterator[Found]:
    """Compare every stated effective batch with the product."""
    effective, batch = subject.effective, subject.written(TRAIN)
    if effective is None or batch is None:
        return
    product = f"{subject.batch} x {subject.accumulation} x {subject.num_gpus}"
    for setting, text in _texts(subject):
        for claim in claims_in(text):
            if claim.value != effective and _has_accumulation(subject, claim.value):
                what = _("The comment says an effective batch size of {claimed}; {product} = {effective}.")
                message = what.format(claimed=claim.value, product=product, effective=effective)
                yield Found(message=message, at=setting, edits=_corrected(subject, setting, claim.value, effective))
    stated = subject.written("effective_batch_size")
    claimed = subject.count("effective_batch_size")
    if stated and claimed and claimed != effective and _has_accumulation(subject, claimed):
        name = stated.written_name.rpartition(".")[2]
        if _is_over_cards(name) and claimed % effective == 0 and not subject.says_num_gpus:
            return  # the launcher brings the number of cards
        what = _("{name} says {claimed}; {product} = {effective}.")
        message = what.format(name=name, claimed=claimed, product=product, effective=effective)
        yield Found(message=message, at=stated)
    said = [text[:2000] for text in (above(subject, batch), beside(batch))]
    headed = [match for text in said if (match := _HEADED.match(text))]
    for match in (*headed, *(match for text in said for match in _PUSHED.finditer(text))):
        if int(match["number"]) not in {subject.batch, effective}:
            what = _("The comment speaks of a batch size of {claimed}; the setting is {batch}, effective {effective}.")
            message = what.format(claimed=match["number"], batch=subject.batch, effective=effective)
            yield Found(message=message, at=batch)


def _texts(subject: Subject) -> Iterator[tuple[Written, str]]:
    """Yield the comments around batch and accumulation, none of them twice."""
    seen: set[str] = set()
    for name in (TRAIN, ACCUMULATION):
        setting = subject.written(name)
        if setting is None:
            continue
        for text in (above(subject, setting), beside(setting), after(subject, setting)):
            if text and text not in seen:
                seen.add(text)
                yield setting, text


def _is_over_cards(name: str) -> bool:
    """Say whether a name is what DeepSpeed, Megatron and axolotl call the batch of all cards together."""
    return name == "batch_size" or name.lower().startswith(("train_", "global_", "total_"))


def _has_accumulation(subject: Subject, claimed: int) -> bool:
    """Say whether the product can be known: where accumulation is not written, a multiple may be right elsewhere."""
    return (
        subject.written(ACCUMULATION) is not None
        or claimed % (subject.batch or 1) != 0
        or claimed == 0
        or _alone(subject)
    )


def _alone(subject: Subject) -> bool:
    """Say whether the configuration looks whole, so that what it leaves out is the trainer's default."""
    return len(subject.configuration.settings) > 1 and subject.written("learning_rate") is not None


def _corrected(subject: Subject, setting: Written, claimed: int, effective: int) -> tuple[Edit, ...]:
    """Return the edit of the number in a comment of the setting's own line, where it stands there once."""
    line = subject.line(setting.line) or ""
    start = setting.end if setting.end is not None else len(line)
    found = list(re.finditer(rf"(?<![\d.]){claimed}(?![\d.]*\d)", line[start:]))
    if len(found) != 1 or "effective" not in line[start:].lower():
        return ()
    at = start + found[0].start()
    return (Edit(line=setting.line, start=at, end=at + len(str(claimed)), text=str(effective)),)
