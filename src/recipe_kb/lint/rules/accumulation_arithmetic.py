"""The arithmetic written beside the accumulation does not hold.

A comment such as `16*4 = 48` is wrong whatever the settings are. One such as `32*2 = 64` over a batch of 16 and an
accumulation of 4 makes the right number from other settings: somebody changed one and not the other.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.comments import above, after, beside
from recipe_kb.lint.effective_claims import claims_in
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import ACCUMULATION, TRAIN, Subject

VI = """Phép tính ghi cạnh gradient accumulation không đúng.

Chú thích kiểu `16*4 = 48` sai dù thiết lập là gì. Chú thích kiểu `32*2 = 64` đặt trên batch 16, accumulation 4 thì ra
đúng kết quả nhưng từ những thiết lập khác: ai đó đã sửa một chỗ mà quên chỗ kia.
"""
CODE = "KB502"
SEVERITY: Severity = "error"
SOURCES = ("rule:effective-batch", "rule:keep-effective-batch")
GOOD = (
    "per_device_train_batch_size: 16\ngradient_accumulation_steps: 4  # Effective = 16*4 = 64",
    "per_device_train_batch_size: 16\ngradient_accumulation_steps: 4  # Effective = 4 x 16",
    "# num_gpus=2\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4  # effective 8*4*2 = 64",
)
BAD = (
    "per_device_train_batch_size: 16\ngradient_accumulation_steps: 4  # Effective = 16*4 = 48",
    "per_device_train_batch_size: 16\ngradient_accumulation_steps: 4  # Effective = 32*2 = 64",
)


def check(subject: Subject) -> Iterator[Found]:
    """Work out every product that a comment writes down."""
    settings = [found for name in (ACCUMULATION, TRAIN) if (found := subject.written(name))]
    batch, accumulation = subject.batch, subject.accumulation
    seen: set[str] = set()
    for setting in settings:
        for text in (beside(setting), above(subject, setting), after(subject, setting)):
            if text in seen:
                continue
            seen.add(text)
            for claim in claims_in(text):
                product = " x ".join(map(str, claim.factors))
                if claim.factors and claim.product != claim.value:
                    what = _("{product} is {result}, not {claimed}.")
                    message = what.format(product=product, result=claim.product, claimed=claim.value)
                    yield Found(message=message, at=setting)
                elif claim.factors and batch and accumulation and len(settings) > 1:
                    expected = sorted({batch, accumulation, subject.num_gpus} - {1})
                    if sorted(set(claim.factors) - {1}) != expected:
                        what = _("The comment multiplies {product}; the settings are {batch} x {accumulation}.")
                        message = what.format(product=product, batch=batch, accumulation=accumulation)
                        yield Found(message=message, at=setting)
