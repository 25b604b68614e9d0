"""FlashAttention-2 on a card that it does not run on.

FlashAttention-2 has kernels for Ampere and newer. On a T4 or V100 the model fails at its first forward pass. SDPA
takes the best kernel that the card has, and needs no package.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject

VI = """Dùng FlashAttention-2 trên card không chạy được nó.

FlashAttention-2 chỉ có kernel cho Ampere trở lên. Trên T4 hay V100, mô hình báo lỗi ngay ở lượt forward đầu tiên.
SDPA tự chọn kernel tốt nhất mà card có và không cần cài thêm gói nào.
"""
CODE = "KB511"
SEVERITY: Severity = "error"
SOURCES = ("source:flash-attention-2", "source:pytorch-sdpa-2.13")
GOOD = ("# gpu=rtx-3090\nattn_implementation: flash_attention_2", "# gpu=t4\nattn_implementation: sdpa")
BAD = ("# gpu=t4\nattn_implementation: flash_attention_2",)


def check(subject: Subject) -> Iterator[Found]:
    """Ask the card."""
    setting, word = subject.written("attn_implementation"), subject.word("attn_implementation")
    if setting is None or word is None or not word.startswith("flash_attention"):
        return
    if subject.gpu is not None and not subject.gpu.supports.flash_attention_2:
        what = _("FlashAttention-2 has no kernels for {gpu}; sdpa has.").format(gpu=subject.gpu.name)
        yield Found(message=what, at=setting, edits=subject.replaced(setting, "sdpa"))
