"""An 8-bit optimizer where it saves nothing that is needed.

It saves 6 bytes per trained parameter, whatever the batch: about 0.6 GiB for a base encoder, next to nothing for LoRA
adapters. Where the run is predicted to fit with plain AdamW, it only adds a package and rounding. A card that
bitsandbytes has no kernels for cannot run it at all.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _, gib
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.memory import cell_of, fits, is_traced
from recipe_kb.lint.subject import Subject

VI = """Dùng optimizer 8-bit ở nơi không cần phần tiết kiệm đó.

Nó tiết kiệm 6 byte cho mỗi tham số được train, bất kể batch: khoảng 0,6 GiB với encoder cỡ base, gần như không gì với
adapter LoRA. Khi lần chạy được dự đoán là vừa với AdamW thường thì nó chỉ thêm một gói phải cài và sai số làm tròn.
Card mà bitsandbytes không có kernel thì không chạy được.
"""
CODE = "KB515"
SEVERITY: Severity = "warning"
SOURCES = ("claim:001-09", "claim:001-11", "claim:000-14", "source:bitsandbytes-docs", "rule:memory-estimate")
GOOD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\noptim: adamw_torch\nfp16: true",
    "optim: adamw_bnb_8bit",
)
BAD = (
    "# gpu=t4 model=biobert max_length=512\nper_device_train_batch_size: 16\noptim: adamw_bnb_8bit\nfp16: true",
    "# model=llama-3.2-1b\nlora_r: 16\noptim: paged_adamw_8bit",
)
EIGHT_BIT = frozenset({"adamw_bnb_8bit", "adamw_8bit", "paged_adamw_8bit"})


def check(subject: Subject) -> Iterator[Found]:
    """Ask the card, the method, and the prediction."""
    setting = subject.written("optim")
    if setting is None or subject.optimizer not in EIGHT_BIT:
        return
    if subject.gpu is not None and not subject.gpu.supports.bnb_8bit_optimizer:
        what = _("bitsandbytes has no 8-bit optimizer for {gpu}.").format(gpu=subject.gpu.name)
        yield Found(message=what, at=setting, severity="error")
        return
    if subject.method == "lora":
        what = _("Only adapters are trained: an 8-bit optimizer saves 6 bytes for each of their few parameters.")
        yield Found(message=what, at=setting, severity="info")
        return
    cell = cell_of(subject)
    if cell is None or subject.method != "full" or not is_traced(subject, cell):
        return
    if fits(subject, cell.changed(optim="adamw_torch_fused")):
        constants = subject.store.rule("memory-estimate").constants
        per_parameter = constants["adam_state_bytes"] - constants["adam_8bit_state_bytes"]
        what = _("It is predicted to fit with plain AdamW too; 8 bits save at most {size}, whatever the batch.")
        yield Found(message=what.format(size=gib(per_parameter * cell.model.parameters.trained)), at=setting)
