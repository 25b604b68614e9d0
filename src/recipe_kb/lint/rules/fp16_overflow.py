"""fp16 with a model whose activations leave its range.

fp16 ends at 65,504. Some models, trained in bf16, have larger activations: in fp16 the loss becomes infinite or NaN.
They train in bf16, and on a card without it in fp32.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Dùng fp16 với mô hình có activation vượt dải của nó.

fp16 chỉ tới 65.504. Một số mô hình vốn train bằng bf16 có activation lớn hơn: ở fp16 loss thành vô cùng hoặc NaN.
Những mô hình này train bằng bf16; card không có bf16 thì dùng fp32.
"""
CODE = "KB514"
SEVERITY: Severity = "error"
SOURCES = ("source:gemma3-fp16",)
GOOD = ("# model=gemma-3-1b\nbf16: true", "# model=biobert\nfp16: true")
BAD = ("# model=gemma-3-1b\nfp16: true",)


def check(subject: Subject) -> Iterator[Found]:
    """Ask the model."""
    setting = subject.precisions[-1] if subject.precisions else None
    if setting is None or setting.value != "fp16" or subject.model is None:
        return
    if subject.model.overflows_in_fp16:
        instead = "fp32" if subject.gpu and not subject.gpu.supports.bf16 else "bf16"
        what = _("{model} overflows in fp16; train it in {precision}.")
        yield Found(message=what.format(model=subject.model_id, precision=instead), at=setting)
