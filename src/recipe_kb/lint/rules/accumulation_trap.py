"""Accumulation with an encoder in transformers 5, without the mend.

The classification heads of encoders accept num_items_in_batch and ignore it, while Trainer believes that they divide
by it. Nobody divides, and the gradient is too large by the number of accumulation steps: clipping, the logged loss
and fp16 overflow are off. `model.accepts_loss_kwargs = False` before the Trainer is made mends it; a file that sets
it is not reported. Causal language models keep their promise and stay as they are.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import ACCUMULATION, Subject

VI = """Dùng gradient accumulation với encoder trong transformers 5 mà không có dòng sửa.

Head phân loại của encoder nhận num_items_in_batch nhưng bỏ qua, trong khi Trainer tin rằng chúng đã chia cho số đó.
Không ai chia cả, nên gradient lớn hơn số bước tích luỹ lần: gradient clipping, loss ghi ra và ngưỡng tràn của fp16
đều lệch. Dòng `model.accepts_loss_kwargs = False` đặt trước khi tạo Trainer sẽ sửa việc này; file nào có dòng đó thì
không bị báo. Mô hình ngôn ngữ nhân quả giữ đúng lời hứa nên cứ để nguyên.
"""
CODE = "KB525"
SEVERITY: Severity = "warning"
SOURCES = ("rule:effective-batch", "source:transformers-47688", "source:transformers-5.23")
GOOD = (
    "# model=biobert transformers=5.23.0\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 1",
    "# model=biobert transformers=4.40.0\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4",
    "# model=qwen2.5-0.5b transformers=5.23.0\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4",
    "# model=biobert\n# model.accepts_loss_kwargs = False\ngradient_accumulation_steps: 4",
    "# model=biobert transformers=5.23.0 dialect=lightning\naccumulate_grad_batches: 4\ngradient_accumulation_steps: 4",
)
BAD = ("# model=biobert transformers=5.23.0\nper_device_train_batch_size: 8\ngradient_accumulation_steps: 4",)
_FIRST_MAJOR = 5
_MEND = "accepts_loss_kwargs"
_OWN_LOOPS = {"lightning"}
"""Trainers that divide the loss themselves, and ask no model."""


def check(subject: Subject) -> Iterator[Found]:
    """Ask the model, the version, and the file."""
    setting, accumulation = subject.written(ACCUMULATION), subject.accumulation
    if setting is None or not accumulation or accumulation < 2:  # noqa: PLR2004
        return
    if subject.model is None or subject.model.family != "encoder" or subject.configuration.dialect in _OWN_LOOPS:
        return
    if subject.asked.transformers_major < _FIRST_MAJOR or any(_MEND in line for line in subject.lines):
        return
    what = _(
        "In transformers {version} the gradient of an encoder's head becomes {times} times too large; set "
        "model.accepts_loss_kwargs = False before the Trainer is made."
    )
    yield Found(message=what.format(version=subject.asked.transformers, times=accumulation), at=setting)
