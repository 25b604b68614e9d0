"""bf16 on a card that has none.

Cards before Ampere have no bf16 unit. A T4 accepts bf16=True all the same and then runs a slow emulated path, so
nothing fails and everything takes longer. Such cards compute in fp16, or in fp32 where the model's activations leave
fp16's range.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Edit, Found, Severity
from recipe_kb.lint.subject import Subject
from recipe_kb.resolve.rules import precision

VI = """Dùng bf16 trên card không hỗ trợ.

Card trước đời Ampere không có đơn vị bf16. T4 vẫn nhận bf16=True rồi chạy theo đường giả lập rất chậm, nên không có
gì báo lỗi mà mọi thứ đều lâu hơn. Những card này tính bằng fp16, hoặc fp32 nếu activation của mô hình vượt dải của
fp16.
"""
CODE = "KB509"
SEVERITY: Severity = "error"
SOURCES = ("rule:precision",)
GOOD = (
    "# gpu=t4\nper_device_train_batch_size: 8\nfp16: true",
    "# gpu=rtx-3070\nper_device_train_batch_size: 8\nbf16: true",
    "bf16: true",
)
BAD = (
    "# gpu=t4\nper_device_train_batch_size: 8\nbf16: true",
    "# gpu=v100-16gb\nper_device_train_batch_size: 8\nmixed_precision: bf16",
)


def check(subject: Subject) -> Iterator[Found]:
    """Ask the card."""
    if subject.gpu is None or subject.gpu.supports.bf16:
        return
    instead: str = precision(subject.gpu)
    if subject.model is not None and subject.model.overflows_in_fp16:
        instead = "fp32"
    turned_on = [setting for setting in subject.precisions if setting.value == "bf16"]
    for name in ("bf16", "bf16_full_eval"):
        setting = subject.written(name)
        if setting and setting.value is True:
            turned_on.append(setting)
    for setting in turned_on:
        what = _("{gpu} has no bf16 and would emulate it slowly; it computes in {precision}.")
        edits: tuple[Edit, ...] = ()
        if instead == "fp16" and len(subject.precisions) == 1:
            name = setting.written_name.rpartition(".")[2]
            if setting.written_value == "bf16":
                edits = subject.replaced(setting, "fp16")
            elif name == "bf16":
                edits = subject.renamed(setting, "fp16")
        yield Found(message=what.format(gpu=subject.gpu.name, precision=instead), at=setting, edits=edits)
