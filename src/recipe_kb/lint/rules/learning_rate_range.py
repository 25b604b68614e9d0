"""The learning rate is outside of what was published for this model.

Every model has the learning rates that its authors searched; where they give one only, those of the models of the
same architecture and size count. They belong to the effective batch sizes of that search, so the range is first moved
to this effective batch size: with the square root for Adam and its kin, in proportion for SGD.

Where no range is known, as for causal language models, only the other method's world is caught: full fine-tuning at
the rate where adapters start, or adapters at the rate of full fine-tuning.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.published import Published, published_for
from recipe_kb.lint.subject import Subject
from recipe_kb.schema.configuration import Written
from recipe_kb.units import scientific

VI = """Learning rate nằm ngoài khoảng đã công bố cho mô hình này.

Mỗi mô hình đều có những learning rate mà tác giả đã thử; nếu họ chỉ nêu một giá trị thì lấy của các mô hình cùng kiến
trúc và cùng cỡ. Các giá trị đó đi với effective batch size của lần thử ấy, nên trước hết khoảng này được chuyển sang
effective batch size ở đây: theo căn bậc hai với Adam và họ hàng, tỉ lệ thuận với SGD.

Nơi không biết khoảng nào, như với mô hình ngôn ngữ nhân quả, chỉ bắt lỗi lấy nhầm giá trị của phương pháp kia: full
fine-tune ở mức mà adapter bắt đầu, hoặc adapter ở mức của full fine-tune.
"""
CODE = "KB517"
SEVERITY: Severity = "warning"
SOURCES = ("rule:sqrt-adam", "rule:linear-sgd", "rule:lora-start", "source:bert-2018", "source:roberta-2019")
GOOD = (
    "# model=biobert\nper_device_train_batch_size: 32\nlearning_rate: 3e-5",
    "# model=biobert\nper_device_train_batch_size: 128\nlearning_rate: 7e-5",
    "# model=llama-3.2-1b\nlora_r: 16\nper_device_train_batch_size: 16\nlearning_rate: 2e-4",
    "learning_rate: 0.5",
    "# model=deberta-v3-base\nper_device_train_batch_size: 32\nlearning_rate: 2e-5",
)
BAD = (
    "# model=biobert\nper_device_train_batch_size: 32\nlearning_rate: 1e-3",
    "# model=phobert-base\nper_device_train_batch_size: 32\nlearning_rate: 1e-7",
    "# model=llama-3.2-1b\nper_device_train_batch_size: 128\nlearning_rate: 2e-4",
    "# model=llama-3.2-1b\nlora_r: 16\nper_device_train_batch_size: 16\nlearning_rate: 1e-6",
)
_ROUNDING = 1.05
"""Two digits of a rate mean nothing more."""


def check(subject: Subject) -> Iterator[Found]:
    """Move the published range to this effective batch, and look."""
    setting, rate = subject.written("learning_rate"), subject.number("learning_rate")
    published = published_for(subject)
    if setting is None or rate is None or published is None:
        return
    if subject.method != "full" or not published.is_range:
        yield from _other_method(subject, setting, rate, published)
        return
    effective = subject.effective
    low, high = published.moved(effective, subject.optimizer) if effective else published.rates
    if rate * _ROUNDING < low or rate > high * _ROUNDING:
        what = (
            _("Published for {whose}: {low} to {high} at an effective batch size of {batch}; this is {rate}.")
            if effective
            else _("Published for {whose}: {low} to {high}; this is {rate}.")
        )
        message = what.format(
            whose=published.whose,
            low=_short(low),
            high=_short(high),
            batch=effective,
            rate=scientific(rate),
        )
        yield Found(message=message, at=setting)


def _other_method(subject: Subject, setting: Written, rate: float, published: Published) -> Iterator[Found]:
    lora = subject.store.rule("lora-start").constants
    effective = subject.effective
    if subject.method == "full":
        start = _moved(subject, lora["learning_rate"], int(lora["effective_batch_size"]), effective)
        if rate * _ROUNDING >= lora["learning_rate"]:
            what = _(
                "{rate} is where adapters start ({start} here); full fine-tuning of {model} was published at {full}."
            )
            message = what.format(
                rate=scientific(rate), start=_short(start), model=published.whose, full=_short(published.rates[1])
            )
            yield Found(message=message, at=setting)
        return
    low = published.moved(effective, subject.optimizer)[0] if effective else published.rates[0]
    if rate * _ROUNDING < low:
        what = _("{rate} is below full fine-tuning of {model} ({full}); adapters start at {start}.")
        message = what.format(
            rate=scientific(rate), model=published.whose, full=_short(low), start=_short(lora["learning_rate"])
        )
        yield Found(message=message, at=setting)


def _moved(subject: Subject, rate: float, batch: int, effective: int | None) -> float:
    single = Published(rates=(rate, rate), batches=(batch, batch), whose="", is_range=False)
    return single.moved(effective, subject.optimizer)[0] if effective else rate


def _short(rate: float) -> str:
    return scientific(float(f"{rate:.1e}"))
